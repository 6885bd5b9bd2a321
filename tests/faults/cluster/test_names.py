"""A name that stands for several addresses, of which two are dead: the connection goes to the one that is not.

The name is known to the processes of the test alone: they have a name space of mounts of their own, with another ``/etc/hosts``.
"""

import asyncio
import os
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pytest

from tests.support.mllp import environment
from tests.support.tcp_proxy import TcpProxy

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount another /etc/hosts"),
]
NAME = "nodes.test"
DEAD, ALIVE = ("127.0.0.1", "127.0.0.3"), "127.0.0.2"
"""The first one is asked first by whoever asks in the order of the resolver."""
TRIES = 4
"""RabbitMQ's and NATS's are asked in an order that is drawn."""
IN_ANOTHER_PLACE = 'mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/host.conf && shift 2 && exec "$@"'


@pytest.fixture
def elsewhere(tmp_path):
    """What begins a command that knows the name."""
    hosts, conf = tmp_path / "hosts", tmp_path / "host.conf"
    hosts.write_text("".join(f"{address} {NAME}\n" for address in (*DEAD, ALIVE)) + "127.0.0.1 localhost\n")
    conf.write_text("multi on\n")
    return ["unshare", "--mount", "sh", "-c", IN_ANOTHER_PLACE, "sh", str(hosts), str(conf)]


def named(url, port):
    """The URL with the name, and the port that is open at one of its addresses."""
    parts = urlsplit(url)
    return parts._replace(
        netloc=f"{parts.netloc.rpartition('@')[0]}@{NAME}:{port}".removeprefix("@")
    ).geturl()


def begins(command, folder, log, **urls):
    """A sender of HL7 v2 in a process that knows the name begins its work: it has reached broker and ledger."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
    settings = environment(folder, BRIDGE_LOG_FORMAT="json", BRIDGE_MLLP_PEER="mllp://127.0.0.1:9", **urls)
    arguments = [*command, sys.executable, "-m", "bridge", "mllp", "send"]
    with log.open("wb") as output:
        sender = subprocess.Popen(
            arguments,
            env=clean | settings,
            cwd=folder,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
        )
    try:
        while "delivery_started" not in (said := log.read_text()):
            assert sender.poll() is None, said
            time.sleep(0.1)
    finally:
        sender.terminate()
        sender.wait()


@pytest.mark.parametrize(
    "broker", [pytest.param("rabbit", marks=pytest.mark.rabbit), pytest.param("nats", marks=pytest.mark.nats)]
)
async def test_the_address_that_lives_is_found_by_broker_and_database(
    request, broker, ledger_url, elsewhere, tmp_path
):
    bus_url = request.getfixturevalue(f"{broker}_url")
    async with TcpProxy(bus_url, host=ALIVE) as bus, TcpProxy(ledger_url, host=ALIVE) as ledger:
        urls = {
            "BRIDGE_BUS_URL": named(bus_url, urlsplit(bus.url).port),
            "BRIDGE_LEDGER_URL": named(ledger_url, urlsplit(ledger.url).port),
        }
        for number in range(TRIES):
            log = tmp_path / f"sender-{number}.log"
            await asyncio.to_thread(begins, elsewhere, tmp_path, log, **urls)
        assert bus.links >= TRIES
        assert ledger.links >= TRIES
