"""A real broker, a real PostgreSQL, a sandbox and a worker, each a process of its own, and a hospital that asks."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.bus import open_bus
from bridge.settings import Settings
from tests.bench import parts
from tests.load.traffic import SANDBOX, WORKER, Ward, ward_on
from tests.support.brokers import RabbitNode
from tests.support.documents import claims_settings
from tests.support.ports import free_port
from tests.support.postgres import PostgresNode, fresh_database
from tests.support.processes import Child, child, wait_until_ready

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PREFIX: Final = "gpconnect"


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs.

    Attributes:
        tasks: the file that says how many tasks the worker's event loop has.
        database: URL of the ledger.
        environment: settings of the worker, and of a hospital on the same broker.
        servers: the folder that each server works in, which tells its processes from others.
    """

    worker: Child
    tasks: Path
    database: str
    environment: dict[str, str]
    servers: dict[str, str]

    @property
    def most_connections(self) -> int:
        """To PostgreSQL, of the worker."""
        return Settings.load(environ=self.environment).ledger.connections

    def cpu_seconds(self, server: str) -> float:
        """User and system time of a server's processes so far, of those that have ended too."""
        return _cpu_seconds(self.servers[server])


@contextmanager
def stage() -> Iterator[Stage]:
    """Start everything, and the worker when the rest is there."""
    with ExitStack() as opened:
        directory = opened.enter_context(parts.folder())
        rabbit = RabbitNode(directory / "rabbit")
        opened.callback(rabbit.close)
        rabbit.start()
        postgres = PostgresNode()
        opened.callback(postgres.close)
        postgres.start()
        database = opened.enter_context(fresh_database(postgres.url))
        sandbox = opened.enter_context(parts.sandbox(directory, **SANDBOX))
        claims, _ = claims_settings(directory)
        environment = {
            **sandbox,
            **WORKER,
            **claims,
            "BRIDGE_BUS_URL": rabbit.url,
            "BRIDGE_BUS_PREFIX": _PREFIX,
            "BRIDGE_LEDGER_URL": database,
        }
        port, tasks = free_port(), directory / "tasks"
        settings = environment | {"BRIDGE_HEALTH_PORT": str(port), "BRIDGE_LOG_FORMAT": "json"}
        output = directory / "worker.log"
        watched = child("tests.load.watched_worker", ["run", str(tasks)], environment=settings, output=output)
        started = opened.enter_context(watched)
        wait_until_ready(started, port)
        servers = {"broker": str(rabbit.directory), "PostgreSQL": str(postgres.directory)}
        yield Stage(started, tasks, database, environment, servers)


@asynccontextmanager
async def ward(running: Stage) -> AsyncIterator[Ward]:
    """The hospital's side of its bus."""
    settings = Settings.load(environ=running.environment)
    async with open_bus(settings) as bus, ward_on(bus, _PREFIX) as opened:
        yield opened


def _cpu_seconds(folder: str) -> float:
    ticks = 0
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            where = str((process / "cwd").readlink())
            stat = (process / "stat").read_text()
        except OSError:  # it has ended, or is somebody else's
            continue
        if where.startswith(folder):
            fields = stat.rsplit(")", 1)[1].split()
            ticks += sum(map(int, fields[11:15]))  # its own, and of children that were waited for
    return ticks / _TICKS
