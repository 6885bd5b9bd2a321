"""Child processes of the tests: started with their own environment, their logs kept for the log check."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support import commands, run_logs
from tests.support.ports import free_port

_TICKS = os.sysconf("SC_CLK_TCK")
START_TIMEOUT = 60.0
END_TIMEOUT = 90.0


class Child:
    """A running Python module, what it cost so far, and how to end it.

    Its stderr, where logs go, is written to `output`, its stdout to `printed`. A ``bridge`` command is forked off a process
    that has loaded everything, unless it is to be `fresh`: a start of its own, as its cost and its memory are measured and
    libraries are preloaded. With `files` it may have no more of them open. `python` is another build's interpreter.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        output: Path,
        cwd: Path | None = None,
        *,
        fresh: bool = False,
        files: int | None = None,
        python: str = sys.executable,
    ) -> None:
        self.process: subprocess.Popen[bytes] | commands.Command
        self.health_port = 0
        self.output = output
        self.printed = output.with_name(f"{output.name}.stdout")
        if not output.exists():
            output.touch()
            run_logs.keep(output, run_logs.CHILD)
        if module == "bridge" and not fresh:
            assert files is None
            assert python == sys.executable
            self.printed.touch()
            self.process = commands.start(
                arguments,
                environment=_environment(environment),
                folder=cwd or Path.cwd(),
                files=(Path(os.devnull), self.printed, output),
            )
            return
        with output.open("ab") as errors, self.printed.open("ab") as sink:
            self.process = subprocess.Popen(
                [*_bounded(files), python, "-m", module, *arguments],
                env=_environment(environment),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=errors,
            )

    def metrics(self) -> bytes:
        """What a worker answers Prometheus."""
        url = f"http://127.0.0.1:{self.health_port}/metrics"
        with urllib.request.urlopen(url, timeout=START_TIMEOUT) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            text: bytes = answer.read()
        return text

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
        return self.process.wait(timeout=END_TIMEOUT)

    def wait_for(self, text: str, *, printed: bool = False, times: int = 1) -> None:
        """Until `text` stands in its log, or in what it printed, so many times."""
        file = self.printed if printed else self.output
        deadline = time.monotonic() + START_TIMEOUT
        while file.read_text(encoding="utf-8").count(text) < times:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{text!r} does not come:\n{self.output.read_text()[-3000:]}")
            time.sleep(0.05)


@contextlib.contextmanager
def child(
    module: str,
    arguments: Sequence[str] = (),
    *,
    environment: Mapping[str, str],
    output: Path,
    cwd: Path | None = None,
    fresh: bool = False,
    files: int | None = None,
    python: str = sys.executable,
) -> Iterator[Child]:
    started = Child(module, arguments, environment, output, cwd, fresh=fresh, files=files, python=python)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.kill()


@contextlib.contextmanager
def worker(
    environment: Mapping[str, str], *, output: Path, arguments: Sequence[str] = (), fresh: bool = False
) -> Iterator[Child]:
    """``bridge run``, once it says that it is ready."""
    port = free_port()
    settings = dict(environment) | {"BRIDGE_HEALTH_PORT": str(port), "BRIDGE_LOG_FORMAT": "json"}
    with child("bridge", ["run", *arguments], environment=settings, output=output, fresh=fresh) as started:
        wait_until_ready(started, port)
        started.health_port = port
        yield started


def _bounded(files: int | None) -> list[str]:
    """What starts a program that can never have more files open."""
    return [] if files is None else ["/bin/sh", "-c", f'ulimit -n {files} && exec "$@"', "sh"]


def wait_until_ready(started: Child, port: int, *, within: float = START_TIMEOUT) -> None:
    deadline = time.monotonic() + within
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


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that ran to its end."""

    code: int
    printed: bytes
    errors: str

    @property
    def text(self) -> str:
        return self.printed.decode()


def bridge(
    *arguments: str | Path,
    directory: Path,
    environment: Mapping[str, str] | None = None,
    given: bytes = b"",
) -> Ended:
    """Run one ``bridge`` command in `directory`, with `given` on its standard input, to its end."""
    name = f"command-{time.monotonic_ns()}"
    read, printed, log = (directory / f"{name}.{what}" for what in ("stdin", "stdout", "log"))
    read.write_bytes(given)
    for written in (printed, log):
        written.touch()
    run_logs.keep(log, run_logs.CHILD)
    process = commands.start(
        [*map(str, arguments)],
        environment=_environment(environment or {}),
        folder=directory,
        files=(read, printed, log),
    )
    try:
        code = process.wait(END_TIMEOUT)
    finally:
        process.send_signal(signal.SIGKILL)
    return Ended(code, printed.read_bytes(), log.read_text(encoding="utf-8"))


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    """Ours without the settings somebody may have exported, and `given`."""
    return {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")} | dict(given)
