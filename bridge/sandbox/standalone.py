"""The sandbox as a program: what it prints, and when it stops."""

import asyncio
import shlex
import signal
from dataclasses import replace

import structlog
from rich.console import Console
from rich.table import Table

from bridge.sandbox.calls import Call
from bridge.sandbox.running import RunningSandbox, SandboxOptions, running
from bridge.sandbox.scenarios import SCENARIOS

DEFAULT_PORTS = (9001, 9002, 9003, 9004)
_ANY_PORT = (0, 0, 0, 0)


async def serve(options: SandboxOptions | None = None) -> None:
    """Run until SIGINT or SIGTERM, on ports 9001 to 9004 unless `options` names others.

    Prints the environment to export and the scenario table on stdout, then logs one line per call.

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
            _introduce(sandbox, Console())
            await stop.wait()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _introduce(sandbox: RunningSandbox, console: Console) -> None:
    table = Table("Scenario", "NHS number", "Practice", "Why", title="Patients of the sandbox")
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
    print("The sandbox is ready.", flush=True)  # noqa: T201


def _introduce_files(sandbox: RunningSandbox, console: Console) -> None:
    table = Table("File", "NHS number", "Practice", "", title="Patients from files")
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
