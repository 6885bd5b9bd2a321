"""A real clamd, with signatures of our own: its database cannot be had everywhere, and knows nothing of our tests.

The daemon comes from ``CLAMD`` when that is set, else from the path, else from the distribution's package.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bridge.sandbox.documents.shelf import INFECTION
from tests.support import apt, run_logs
from tests.support.ports import free_port

PACKAGE = "clamav-daemon"
SIGNATURE = "Bridge.Harmless.Test"
_LONGEST_WAIT = 60.0


class ClamdMissingError(Exception):
    """No clamd can be found or started."""


def clamd() -> str:
    found = os.environ.get("CLAMD") or apt.provided(PACKAGE, installed)
    if found is None:
        raise ClamdMissingError(f"no clamd: name one in CLAMD, or install the package {PACKAGE}")
    return found


def installed() -> str | None:
    return shutil.which("clamd") or shutil.which("clamd", path="/usr/sbin:/usr/local/sbin")


@dataclass
class Clamd:
    """A running daemon, reached in two ways."""

    unix_url: str
    tcp_url: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


@contextlib.contextmanager
def running_clamd(*, largest: int = 25 * 1024 * 1024) -> Iterator[Clamd]:
    """A daemon that knows one signature, while the block runs.

    Args:
        largest: bytes of a stream that it takes.
    """
    # The path of a socket has 107 characters at most: those of pytest's own folders may be longer.
    with tempfile.TemporaryDirectory(prefix="bridge-clamd-") as folder:
        daemon = _started(Path(folder), largest)
        try:
            yield daemon
        finally:
            daemon.stop()


def _started(folder: Path, largest: int) -> Clamd:
    database, port, path = folder / "db", free_port(), folder / "clamd.sock"
    database.mkdir()
    # Extended signatures: a name, any kind of file, anywhere in it, and the bytes.
    (database / "ours.ndb").write_text(f"{SIGNATURE}:0:*:{INFECTION.hex()}\n")
    settings = {
        "DatabaseDirectory": database,
        "LocalSocket": path,
        "TCPSocket": port,
        "TCPAddr": "127.0.0.1",
        "Foreground": "yes",
        "LogFile": folder / "clamd.log",
        "StreamMaxLength": largest,
        "TemporaryDirectory": folder,
        "MaxThreads": 4,
    }
    config = folder / "clamd.conf"
    config.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    process = subprocess.Popen(
        [clamd(), "--config-file", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    daemon = Clamd(f"unix://{path}", f"tcp://127.0.0.1:{port}", process)
    try:
        _wait(path, process, folder / "clamd.log")
    except ClamdMissingError:
        daemon.stop()
        raise
    run_logs.keep(folder / "clamd.log", run_logs.SERVER)
    return daemon


def _wait(path: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _LONGEST_WAIT
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as found:
            found.connect(str(path))
            found.sendall(b"zPING\0")
            if found.recv(16) == b"PONG\0":
                return
        time.sleep(0.05)
    raise ClamdMissingError(f"clamd does not answer:\n{log.read_text() if log.exists() else 'no log'}")
