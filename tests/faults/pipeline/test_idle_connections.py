"""Connections without a word, more than a process may have files, while requests come."""

import contextlib
import resource
import socket

from tests.faults.installation import PIPELINE, until
from tests.support.ports import free_port
from tests.support.processes import child, wait_until_ready

MOST_FILES, IDLE = 250, 1100


async def test_connections_without_a_word_stop_nothing(broker, installed, outages, tmp_path):
    port = free_port()
    async with installed(broker) as site:
        environment = dict(site.environment) | {"BRIDGE_HEALTH_PORT": str(port), "BRIDGE_LOG_FORMAT": "json"}
        log = tmp_path / "worker.log"
        with (
            child("bridge", ["run", "--pipeline", PIPELINE], environment=environment, output=log) as worker,
            contextlib.ExitStack() as opened,
        ):
            outages.reads(log)
            wait_until_ready(worker, port)
            resource.prlimit(worker.process.pid, resource.RLIMIT_NOFILE, (MOST_FILES, MOST_FILES))
            for _ in range(IDLE):
                opened.enter_context(socket.create_connection(("127.0.0.1", port)))
            await until(lambda: outages.logged("port_full"))
            ids = await site.epr.ask("rich_record") + await site.epr.ask("no_known_allergies")
            await site.epr.over(ids)
            wait_until_ready(worker, port)
            outages.did("/readyz")
            ends = await site.accounts(ids)
    outages.saw("idle_connections", on=broker.title, ends=ends)
