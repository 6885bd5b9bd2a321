#!/usr/bin/env bash
# `Client.flush()` of nats-py, which is to ensure "what we have written so far has made it to the server", writes its PING ahead of
# messages that were published just before and are still pending; so its PONG proves nothing about them, nor about the server's objections.
# Source: docstring of nats.aio.client.Client.flush in nats-py 2.16.0, against PING/PONG in the NATS client protocol.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check nats-py==2.16.0
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import json
import sys
from importlib.metadata import version

import nats

INFO = {"server_id": "s", "version": "2.10.0", "proto": 1, "max_payload": 1048576, "headers": True}
came = []


async def server(reader, writer):
    """A server of NATS as far as this needs one: greets, answers each PING, and notes in which order things come."""
    writer.write(f"INFO {json.dumps(INFO)}\r\n".encode())
    while line := await reader.readline():
        verb = line.split()[0].decode()
        came.append(verb)
        if verb == "PUB":
            await reader.readline()  # the payload
        elif verb == "PING":
            writer.write(b"PONG\r\n")
    writer.close()


async def main():
    listening = await asyncio.start_server(server, "127.0.0.1", 0)
    client = await nats.connect(f"nats://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
    came.clear()
    await client.publish("ward.bed", b"7")
    await client.flush()
    await client.flush()  # what was overtaken has arrived by now
    await client.close()
    listening.close()
    return came[:2]


seen = asyncio.run(main())
print("nats-py", version("nats-py"))
print("expected: PUB, then the PING of the first flush")
print(f"seen: {', then '.join(seen)}")
sys.exit(0 if seen == ["PING", "PUB"] else 1)
PYTHON
