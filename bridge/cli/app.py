"""The commands, and how their faults become exit codes."""

import asyncio
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from dotenv import load_dotenv
from typer.core import TyperCommand, TyperGroup

from bridge.cli.exits import Exit
from bridge.errors import BridgeError, Misconfigured

_EXIT_CODES = (
    "Exit codes: 0 done; 1 the answer is no (deviations, a failed check, a failed request); "
    "2 input cannot be read, or wrong usage; 3 misconfigured; 4 bus or ledger cannot be used, start again."
)
_COMMANDS = {
    "demo": ("demo", "demo"),
    "run": ("run", "run"),
    "sandbox": ("sandbox", "sandbox"),
    "send": ("send", "send"),
    "map": ("bundles", "map_"),
    "check": ("bundles", "check"),
    "preview": ("preview", "preview"),
    "doctor": ("doctor", "doctor"),
    "schemas": ("documents", "schemas"),
    "asyncapi": ("documents", "asyncapi"),
    "dead": ("dead", "app"),
    "ledger": ("ledger", "app"),
    "audit": ("audit", "app"),
    "keys": ("keys", "app"),
}
"""Module of this package and function (or group of commands), by command."""


class _Commands(TyperGroup):
    """Loads the module of a command when it is used: ``bridge map`` needs neither bus nor database."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # typer hides its base
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> TyperCommand | TyperGroup | None:  # type: ignore[override]  # as above
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, function = _COMMANDS[cmd_name]
        found = getattr(import_module(f"bridge.cli.{module}"), function)
        if isinstance(found, typer.Typer):
            return _with_exit_codes(typer.main.get_group(found))
        one = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        one.command(cmd_name, epilog=_EXIT_CODES)(found)
        command = typer.main.get_command(one)
        assert isinstance(command, TyperCommand)
        return command


def _with_exit_codes(group: TyperGroup) -> TyperGroup:
    """The same group: every help text in it ends with the exit codes."""
    group.epilog = _EXIT_CODES
    for command in group.commands.values():
        command.epilog = _EXIT_CODES
        if isinstance(command, TyperGroup):
            _with_exit_codes(command)
    return group


app = typer.Typer(
    name="bridge",
    cls=_Commands,
    help="Connects a hospital's message bus to NHS GP Connect.",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def common(
    env_file: Annotated[
        Path | None,
        typer.Option(
            "--env-file", help="Read BRIDGE_* variables from this file.", exists=True, dir_okay=False
        ),
    ] = None,
) -> None:
    """Settings come from BRIDGE_* variables; a variable that is set wins over the file."""
    if env_file is not None:
        load_dotenv(env_file)


def main() -> None:
    """Entry point of the console script."""
    try:
        app()
    except Misconfigured as fault:
        for problem in fault.problems:
            sys.stderr.write(f"{problem}\n")
        sys.exit(Exit.MISCONFIGURED)
    except ConnectionError as fault:
        sys.stderr.write(f"the bus cannot be used: {type(fault).__name__}\n")
        sys.exit(Exit.UNAVAILABLE)
    except BridgeError as fault:
        sys.stderr.write(f"{fault}\n")
        sys.exit(_code_of(fault))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(Exit.OK)


def _code_of(fault: BridgeError) -> Exit:
    from bridge.ledger.errors import LedgerUnavailable  # noqa: PLC0415 - most commands need no database

    return Exit.UNAVAILABLE if isinstance(fault, LedgerUnavailable) else Exit.NO
