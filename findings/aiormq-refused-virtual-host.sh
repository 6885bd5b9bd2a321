#!/usr/bin/env bash
# A virtual host that does not exist, or that the user may not enter, is told by aiormq as an invalid frame, although the
# broker's answer is a valid Connection.Close; the broker's number (530) and words, which name the virtual host, are lost.
# Source: aiormq 7.2.4 against the handshake of AMQP 0-9-1 (sections 1.4.2.7 and 1.4.2.9), as RabbitMQ speaks it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiormq==7.2.4 pamqp==4.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import sys
from importlib.metadata import version

import aiormq
from pamqp import commands, frame

WORDS = "NOT_ALLOWED - vhost wards not found"


async def broker(reader, writer):
    """A broker's side of a handshake that ends with a refused virtual host."""

    async def take():
        head = await reader.readexactly(7)
        rest = await reader.readexactly(int.from_bytes(head[3:7], "big") + 1)
        return frame.unmarshal(head + rest)[2]

    def put(method):
        writer.write(frame.marshal(method, 0))

    await reader.readexactly(8)  # "AMQP", 0, 0, 9, 1
    put(commands.Connection.Start(server_properties={}, mechanisms="PLAIN", locales="en_US"))
    assert isinstance(await take(), commands.Connection.StartOk)
    put(commands.Connection.Tune(2047, 131072, 60))
    assert isinstance(await take(), commands.Connection.TuneOk)
    assert isinstance(await take(), commands.Connection.Open)
    put(commands.Connection.Close(530, WORDS, 10, 40))
    await writer.drain()


async def main():
    server = await asyncio.start_server(broker, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        await aiormq.connect(f"amqp://ward:ward@127.0.0.1:{port}/wards")
    except aiormq.exceptions.AMQPError as error:
        return error
    finally:
        server.close()


error = asyncio.run(main())
told = f"{type(error).__name__}: {error}"
print("aiormq", version("aiormq"))
print(f"expected: an error of the connection with the broker's words ({WORDS!r})")
print(f"seen: {told}")
sys.exit(0 if isinstance(error, aiormq.exceptions.InvalidFrameError) and WORDS not in told else 1)
PYTHON
