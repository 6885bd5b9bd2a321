"""A real PostgreSQL for the tests: a private cluster on a random port, which a test may kill and restart.

The server's programs come from the path or from where Debian puts them, else from the distribution's package.
``BRIDGE_TEST_POSTGRES_URL`` names a running server instead, with a role that may create databases.
"""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg  # type: ignore[import-untyped]  # ships no types

from tests.support import apt
from tests.support.certificates import Issued
from tests.support.ports import free_port

PACKAGE = "postgresql"
PLACES = "/usr/lib/postgresql"
PROGRAMS = ("initdb", "pg_isready", "postgres")
START_TIMEOUT = 60.0
ROOM = 1 << 30


class PostgresMissingError(Exception):
    """The server that the tests need cannot be found, installed or started."""


class PostgresNode:
    """A cluster of our own: same port and same data over every restart; or the standby of one that runs."""

    def __init__(self, standby_of: "PostgresNode | None" = None) -> None:
        self._programs = _programs()
        # PostgreSQL refuses to run as root, and another user cannot look into pytest's own folders.
        self._user = _unprivileged() if os.geteuid() == 0 else None
        self.directory = Path(tempfile.mkdtemp(prefix="bridge-postgres-", dir=in_memory()))
        if self._user:
            os.chown(self.directory, self._user.pw_uid, self._user.pw_gid)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        data = str(self.directory / "data")
        if standby_of is None:
            self._run(
                "initdb", "-D", data, "-U", "bridge", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"
            )
        else:
            there = ("-h", "127.0.0.1", "-p", str(standby_of.port), "-U", "bridge")
            self._run("pg_basebackup", "-D", data, *there, "--write-recovery-conf", "-c", "fast", "--no-sync")

    @property
    def url(self) -> str:
        return f"postgresql://bridge@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",  # a killed server loses nothing by that, only a killed machine would
            "full_page_writes": "off",
            "checkpoint_timeout": "1h",
            "max_connections": "60",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.directory / "server.log").open("ab") as output:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.directory / "data", *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.directory,
                **self._as_user(),
            )
        deadline = time.monotonic() + START_TIMEOUT
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = (self.directory / "server.log").read_text()
                raise PostgresMissingError(f"postgres did not start:\n{said[-2000:]}")
            time.sleep(0.05)

    def secure(self, issued: Issued, ca_file: Path, rules: str) -> None:
        """Have it speak TLS from its next start, or its next look at its settings.

        Args:
            issued: its certificate.
            ca_file: the authority of its clients' certificates.
            rules: who may come in, as pg_hba.conf has them.
        """
        data = self.directory / "data"
        for name, file in {
            "server.crt": issued.cert_file,
            "server.key": issued.key_file,
            "ca.crt": ca_file,
        }.items():
            shutil.copyfile(file, data / name)
            (data / name).chmod(0o600)
            if self._user:
                os.chown(data / name, self._user.pw_uid, self._user.pw_gid)
        (data / "pg_hba.conf").write_text(rules)
        (data / "postgresql.auto.conf").write_text("ssl = on\nssl_ca_file = 'ca.crt'\n")

    def replicate(self) -> None:
        """From now on confirm nothing that a standby does not hold."""
        administer(self.url, "ALTER SYSTEM SET synchronous_standby_names = '*'")
        administer(self.url, "SELECT pg_reload_conf()")

    def promote(self) -> None:
        """Make a standby the server that takes writes."""
        administer(self.url, "SELECT pg_promote()")

    def stop(self) -> None:
        """Every connection is cut, and what was committed is written."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """As a crash would: nothing is written any more; the next start recovers from the log."""
        self._end(signal.SIGQUIT)

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=30)
            self._process = None

    def _answers(self) -> bool:
        command = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False, timeout=10).returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            check=False,
            capture_output=True,
            timeout=120,
            cwd=self.directory,
            **self._as_user(),
        )
        if done.returncode != 0:
            raise PostgresMissingError(f"{program}:\n{done.stderr.decode()[-2000:]}")

    def _as_user(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}


@contextlib.contextmanager
def fresh_database(server_url: str, *, like: str | None = None, is_kept: bool = False) -> Iterator[str]:
    """The URL of a new database, dropped afterwards unless it is kept.

    Args:
        server_url: of a role that may create databases.
        like: the URL of a database that nobody is connected to, to copy; else it is empty.
        is_kept: its server may be gone by then.
    """
    name = f"bridge_{uuid4().hex}"
    template = f' TEMPLATE "{urlsplit(like).path[1:]}"' if like else ""
    administer(server_url, f'CREATE DATABASE "{name}"{template}')
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        if not is_kept:
            administer(server_url, f'DROP DATABASE "{name}" WITH (FORCE)')


def administer(server_url: str, statement: str) -> None:
    async def run() -> None:
        # Without TLS: the loop ends before such a connection has said goodbye, and its socket would stay open.
        connection = await asyncpg.connect(server_url, ssl=False)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def _programs() -> Path:
    found = apt.provided(PACKAGE, installed)
    if found is None:
        raise PostgresMissingError(
            "no PostgreSQL: name a server in BRIDGE_TEST_POSTGRES_URL, or install the package postgresql"
        )
    return found


def installed() -> Path | None:
    places = [*sorted(Path(PLACES).glob("*/bin"), reverse=True), *map(Path, os.get_exec_path())]
    return next((place for place in places if all((place / name).is_file() for name in PROGRAMS)), None)


def in_memory() -> Path | None:
    """A folder that no disk slows down, where the system has one."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > ROOM else None


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresMissingError("no user to run PostgreSQL as")
