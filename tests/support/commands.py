"""``bridge`` commands as processes that need not load everything anew: forked off one that has.

Loading is most of what a short command does, and the tests run hundreds of them. Each is a process of its
own all the same, with its own folder, environment, standard input and output, and exit code.
"""

import gc
import io
import multiprocessing
import os
import pkgutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import bridge.cli
import pipelines

_LOADED = [
    *(f"bridge.cli.{module.name}" for module in pkgutil.iter_modules(bridge.cli.__path__)),
    *(f"pipelines.{module.name}" for module in pkgutil.iter_modules(pipelines.__path__)),
    *(
        "bridge.bus.nats.bus",
        "bridge.bus.rabbit.bus",
        "bridge.ledger.storage.postgres",
        "bridge.ledger.storage.sqlite",
    ),
    *("bridge.fhir.check", "tests.support.commands"),
]
_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload(_LOADED)


class Command:
    """A command that runs, with the face of `subprocess.Popen`."""

    def __init__(self, process: ForkServerProcess) -> None:
        assert process.pid is not None
        self.pid: int = process.pid
        self._process = process

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired("bridge", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def start(
    arguments: Sequence[str], *, environment: Mapping[str, str], folder: Path, files: Sequence[Path]
) -> Command:
    """Start a ``bridge`` command.

    Args:
        arguments: of the command.
        environment: all of it.
        folder: where it runs.
        files: its standard input, output and error.
    """
    process = _forking.Process(target=_run, args=(list(arguments), dict(environment), folder, list(files)))
    process.start()
    return Command(process)


def _run(arguments: list[str], environment: dict[str, str], folder: Path, files: list[Path]) -> None:
    gc.freeze()  # what is loaded stays until the end
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    # As an interpreter of its own would do at its start.
    sys.path[1:1] = [each for each in environment.get("PYTHONPATH", "").split(os.pathsep) if each]
    for number, (file, flags) in enumerate(
        zip(files, (os.O_RDONLY, os.O_WRONLY | os.O_APPEND, os.O_WRONLY | os.O_APPEND), strict=True)
    ):
        opened = os.open(file, flags)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = io.TextIOWrapper(io.FileIO(0), encoding="utf-8")
    sys.argv = ["bridge", *arguments]
    bridge.cli.main()
