"""Child processes of the tests: started with their own environment, their output kept for the log check."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
START_TIMEOUT = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Child:
    """A running Python module, what it cost so far, and how to end it."""

    def __init__(
        self, module: str, arguments: Sequence[str], environment: Mapping[str, str], output: Path
    ) -> None:
        self.output = output
        clean = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
        with output.open("ab") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env=clean | dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
            )

    def cpu_seconds(self) -> float:
        """User and system time of the process so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def peak_memory_mb(self) -> float:
        """The most resident memory it ever held."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=90)


@contextlib.contextmanager
def child(
    module: str, arguments: Sequence[str] = (), *, environment: Mapping[str, str], output: Path
) -> Iterator[Child]:
    started = Child(module, arguments, environment, output)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.kill()


@contextlib.contextmanager
def worker(environment: Mapping[str, str], *, output: Path, arguments: Sequence[str] = ()) -> Iterator[Child]:
    """``bridge run``, once it says that it is ready."""
    port = free_port()
    settings = dict(environment) | {"BRIDGE_HEALTH_PORT": str(port), "BRIDGE_LOG_FORMAT": "json"}
    with child("bridge", ["run", *arguments], environment=settings, output=output) as started:
        wait_until_ready(started, port)
        yield started


def wait_until_ready(started: Child, port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        if started.process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"the process is not ready:\n{started.output.read_text()[-3000:]}")
        with (
            contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer,
        ):
            if answer.status == 200:
                return
        time.sleep(0.05)
