#!/usr/bin/env bash
# A channel of aio-pika that was closed leaves objects of itself on its connection, for as long as that lasts, although aio-pika takes
# its callbacks back: since aiormq 7.2 `connection.closing` is another future each time, and the one it gave them to is not asked.
# Source: aio-pika 10.2.1 (UnderlayChannel.close) with aiormq 7.2.4 (Base.closing), against AMQP 0-9-1 as RabbitMQ speaks it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aio-pika==10.2.1 aiormq==7.2.4 pamqp==4.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import gc
import sys
from importlib.metadata import version

import aio_pika
from pamqp import commands, frame

CHANNELS = 100
ANSWERS = {
    "Connection.StartOk": commands.Connection.Tune(2047, 131072, 0),
    "Connection.Open": commands.Connection.OpenOk(),
    "Connection.Close": commands.Connection.CloseOk(),
    "Channel.Open": commands.Channel.OpenOk(),
    "Channel.Close": commands.Channel.CloseOk(),
}


async def broker(reader, writer):
    """A broker's side of connections and channels that are opened and closed."""
    await reader.readexactly(8)  # "AMQP", 0, 0, 9, 1
    able = {"capabilities": {"publisher_confirms": True, "basic.nack": True}}
    start = commands.Connection.Start(server_properties=able, mechanisms="PLAIN", locales="en_US")
    writer.write(frame.marshal(start, 0))
    try:
        while True:
            head = await reader.readexactly(7)
            rest = await reader.readexactly(int.from_bytes(head[3:7], "big") + 1)
            _, channel, method = frame.unmarshal(head + rest)
            if method.name in ANSWERS:
                writer.write(frame.marshal(ANSWERS[method.name], channel))
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def left_of(connection):
    """Objects that opening and closing channels leaves."""

    async def use():
        for _ in range(CHANNELS):
            channel = await connection.channel(publisher_confirms=False)
            await channel.close()
        await asyncio.sleep(0.1)
        gc.collect()
        return len(gc.get_objects())

    await use()
    return (await use() - await use()) / -CHANNELS


async def main():
    server = await asyncio.start_server(broker, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connection = await aio_pika.connect(f"amqp://ward:ward@127.0.0.1:{port}/")
    left = await left_of(connection)
    await connection.close()
    server.close()
    return left


left = asyncio.run(main())
print("aio-pika", version("aio-pika"), "aiormq", version("aiormq"))
print("expected: a channel that was closed is forgotten (0 objects)")
print(f"seen: {left:.1f} objects of each stay")
sys.exit(0 if left >= 5 else 1)
PYTHON
