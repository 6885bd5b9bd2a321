// Sends messages with rhea; prints what became of each. Reads what `proton_sender.py` reads.
const rhea = require('rhea');
const asked = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const url = new URL(asked.url);
const ends = [];

function written(sent) {
    const body = { text: () => sent.body, map: () => sent.body, value: () => Buffer.from(sent.body),
                   data: () => rhea.message.data_section(Buffer.from(sent.body)) }[sent.as]();
    const properties = Object.entries(sent.properties || {}).map(
        ([name, value]) => [name, name.endsWith('time') ? new Date(value) : value]);
    const message = { body, durable: true, application_properties: Object.fromEntries(properties) };
    if (sent.content_type) message.content_type = sent.content_type;
    // Sixteen bytes are what rhea writes as a UUID.
    if (sent.id) message.message_id = sent.id;
    if (sent.uuid) message.message_id = rhea.string_to_uuid(sent.uuid);
    return message;
}

const connection = rhea.connect({ host: url.hostname, port: Number(url.port), reconnect: false,
    username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) });
const sender = connection.open_sender(asked.target);
sender.once('sendable', () => asked.messages.forEach(sent => sender.send(written(sent))));
for (const end of ['accepted', 'rejected', 'released', 'modified']) {
    connection.on(end, context => {
        ends[context.delivery.id] = end;
        if (ends.filter(Boolean).length === asked.messages.length) {
            connection.close();
            console.log(JSON.stringify(ends));
        }
    });
}
