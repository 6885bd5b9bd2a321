"""Sends messages with Qpid Proton, in the Python that Debian packages it for; prints what became of each.

Reads from standard input: the address of the broker, the target, and the messages (`tests.support.amqp10`).
"""

import json
import sys
import uuid

from proton import Message, timestamp
from proton.utils import BlockingConnection, SendException


def written(sent):
    value = sent["body"]
    message = Message(body=value if sent["as"] in ("text", "map") else value.encode(), durable=True)
    message.inferred = sent["as"] == "data"  # else a value, whatever it is
    message.content_type = sent.get("content_type")
    message.id = uuid.UUID(sent["uuid"]) if "uuid" in sent else sent.get("id")
    if properties := dict(sent.get("properties", {})):
        for name in [name for name in properties if name.endswith("time")]:
            properties[name] = timestamp(properties[name])
        message.properties = properties
    return message


def main():
    asked = json.load(sys.stdin)
    connection = BlockingConnection(asked["url"], timeout=30)
    sender = connection.create_sender(asked["target"])
    ends = []
    for sent in asked["messages"]:
        try:
            sender.send(written(sent), timeout=30)
            ends.append("accepted")
        except SendException as end:
            ends.append({0x25: "rejected", 0x26: "released", 0x27: "modified"}.get(end.state, str(end)))
    connection.close()
    sys.stdout.write(json.dumps(ends))


main()
