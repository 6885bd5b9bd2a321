"""A real PgBouncer before a PostgreSQL of the tests: from the path, else from the distribution's package."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tests.support import apt
from tests.support.ports import free_port

PACKAGE = "pgbouncer"
_LONGEST_WAIT = 30.0


class PgBouncerMissingError(Exception):
    """No PgBouncer can be found or started."""


def installed() -> str | None:
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


@contextlib.contextmanager
def in_sessions(url: str) -> Iterator[str]:
    """The URL of a database by a pooler that gives each session a connection of its own, while the block runs."""
    program = apt.provided(PACKAGE, installed)
    if program is None:
        raise PgBouncerMissingError(f"no PgBouncer: install the package {PACKAGE}")
    server, port = urlsplit(url), free_port()
    with tempfile.TemporaryDirectory(prefix="bridge-pgbouncer-") as folder:
        Path(folder).chmod(0o755)  # it refuses to run as root
        config, log = Path(folder) / "pgbouncer.ini", Path(folder) / "pgbouncer.log"
        config.write_text(
            f"[databases]\n* = host={server.hostname} port={server.port} user={server.username}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            "auth_type = any\npool_mode = session\n"
        )
        as_nobody = ("-u", "nobody") if os.geteuid() == 0 else ()
        with log.open("wb") as output:
            process = subprocess.Popen([program, *as_nobody, str(config)], stdout=output, stderr=output)
        try:
            _wait(port, process, log)
            yield server._replace(netloc=f"{server.username}@127.0.0.1:{port}").geturl()
        finally:
            process.terminate()
            process.wait(_LONGEST_WAIT)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _LONGEST_WAIT
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise PgBouncerMissingError(f"PgBouncer does not answer:\n{log.read_text()}")
