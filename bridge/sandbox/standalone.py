"""The sandbox as a program: what it prints, and when it stops."""

import asyncio
import shlex
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import structlog
from rich import box
from rich.console import Console
from rich.table import Table

from bridge.sandbox.control.calls import Call
from bridge.sandbox.running import RunningSandbox, SandboxOptions, running
from bridge.sandbox.scenarios import SCENARIOS

DEFAULT_PORTS = (9001, 9002, 9003, 9004)
_WIDE = 120
_ANY_PORT = (0, 0, 0, 0)


async def serve(options: SandboxOptions | None = None, *, env_file: Path | None = None) -> None:
    """Run until SIGINT or SIGTERM, on ports 9001 to 9004 unless `options` names others.

    Prints the scenario table and the environment to export on stdout, then logs one line per call.

    Args:
        options: how the sandbox is to be.
        env_file: where the environment is written too, as ``NAME=value`` lines, readable by the owner only;
            it appears when the servers answer and is taken away when they stop.

    Raises:
        OSError: a port is taken, or the state folder cannot be written.
    """
    options = options or SandboxOptions()
    if options.ports == _ANY_PORT:
        options = replace(options, ports=DEFAULT_PORTS)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        async with running(replace(options, on_call=options.on_call or _log)) as sandbox:
            # Wide enough for a line each when the output goes to a file.
            _introduce(sandbox, Console(width=None if sys.stdout.isatty() else _WIDE))
            with _written(sandbox.environment, env_file):
                print("The sandbox is ready.", flush=True)  # noqa: T201 - what a script waits for
                await stop.wait()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _introduce(sandbox: RunningSandbox, console: Console) -> None:
    table = Table(
        "Scenario", "NHS number", "Practice", "Why", title="Patients of the sandbox", box=box.SIMPLE
    )
    for scenario in SCENARIOS:
        table.add_row(scenario.name, scenario.nhs_number, scenario.practice.ods, scenario.reason)
    console.print(table)
    if sandbox.files:
        _introduce_files(sandbox, console)
    for name, reason in sandbox.unreadable.items():
        console.print(f"Not served: {name}: {reason}", markup=False)
    # One variable a line and nothing around it: to be copied, or read by a script.
    for name, value in sandbox.environment.items():
        print(f"export {name}={shlex.quote(value)}")  # noqa: T201 - this is what the command is for


@contextmanager
def _written(environment: Mapping[str, str], file: Path | None) -> Iterator[None]:
    if file is None:
        yield
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    # Whole or not at all: a worker may be waiting for it.
    draft = file.with_name(f"{file.name}.new")
    draft.touch(mode=0o600)
    draft.write_text("".join(f"{name}={value}\n" for name, value in environment.items()), encoding="utf-8")
    draft.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _introduce_files(sandbox: RunningSandbox, console: Console) -> None:
    table = Table("File", "NHS number", "Practice", "", title="Patients from files", box=box.SIMPLE)
    for file in sandbox.files:
        registration = file.registration
        note = "" if file.is_askable else "fails its check digit: a request is refused before it is sent"
        table.add_row(file.name, registration.nhs_number, registration.practice_ods, note)
    console.print(table)


def _log(call: Call) -> None:
    """One line per call; who the patient is stays out of it."""
    structlog.get_logger().info(
        "sandbox_call",
        sequence=call.sequence,
        upstream=call.upstream,
        method=call.method,
        interaction=call.interaction,
        practice=call.practice,
        trace_id=call.trace_id,
        status=call.status,
        fault=call.fault,
        refused=call.refused,
        remarks=call.remarks or None,
    )
