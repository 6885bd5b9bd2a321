"""The commands, and how their faults become exit codes."""

import gc
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from bridge.cli.exits import Exit
from bridge.errors import BridgeError, Misconfigured

_EXIT_CODES = (
    "Exit codes: 0 done; 1 the answer is no (deviations, a failed check, a failed request); "
    "2 input cannot be read, or wrong usage; 3 misconfigured; 4 bus or ledger cannot be used, start again."
)
_COMMANDS = {
    "demo": ("demo", "demo", "The whole story on this machine in a few seconds."),
    "run": ("run", "run", "Run a worker until it is stopped."),
    "mllp": ("mllp", "app", "Exchange HL7 v2 messages with the hospital's interface engine."),
    "sandbox": ("sandbox", "sandbox", "Run PDS, SDS, the Spine proxy and a GP practice, with test patients."),
    "send": ("send", "send", "Send one request to the bus."),
    "map": ("bundles", "map_", "Map bundles to GpRecord JSON."),
    "render": ("render", "render", "Print a bundle's record in FHIR R4, HL7 v2 or as changes."),
    "check": ("bundles", "check", "List how bundles deviate from base FHIR STU3."),
    "preview": ("preview", "preview", "Write one HTML page of what event files hold."),
    "console": ("console", "app", "Serve the pages for operators, in a browser."),
    "doctor": ("doctor", "doctor", "Check settings, certificates, disk, bus, ledger, PDS and SDS."),
    "schemas": ("documents", "schemas", "Write the JSON Schemas of all messages."),
    "asyncapi": ("documents", "asyncapi", "Print the AsyncAPI 3 document."),
    "topology": ("documents", "topology", "Print what must be on the broker, for its administrator's tools."),
    "dead": ("dead", "app", "Look at dead letters, send them again, or discard them."),
    "failures": ("failures", "failures", "Why requests did not succeed, by cause, and what to do next."),
    "quality": ("quality", "quality", "What is noticed about the records that practices send."),
    "practices": ("practices", "app", "How practices answer, and what they say they are."),
    "replay": ("replay", "app", "Ask failed requests again, as a job: plan, confirm, run."),
    "ledger": ("ledger", "app", "What happened to requests, and whether all are accounted for."),
    "audit": ("audit", "app", "Check the audit trail, and read it for an investigation."),
    "assurance": ("assurance", "assurance", "Write what clinical safety and assurance ask of this version."),
    "keys": ("keys", "app", "Make and rotate key rings."),
}
"""Module of `bridge.cli.commands`, function (or group of commands) and a line for the list, by command."""


class _Commands(TyperGroup):
    """Loads the module of a command when it is used: ``bridge map`` needs neither bus nor database."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # typer hides its base
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> TyperCommand | TyperGroup | None:  # type: ignore[override]  # as above
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, function, _ = _COMMANDS[cmd_name]
        found = getattr(import_module(f"bridge.cli.commands.{module}"), function)
        if isinstance(found, typer.Typer):
            found.rich_markup_mode = None
            return _with_exit_codes(typer.main.get_group(found))
        one = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        one.command(cmd_name, epilog=_EXIT_CODES)(found)
        command = typer.main.get_command(one)
        assert isinstance(command, TyperCommand)
        return command

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]  # as above
        """The list in the help: of what is written down here, for each command takes a while to load."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in _COMMANDS.items()])


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
    pretty_exceptions_enable=False,
    # Plain help fits any width, and the library that draws boxes takes as long to load as all the rest.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


_YOUNG = 10_000
"""Objects made between two looks for cycles: a look at each 700 is an eighth of what most commands take."""


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer's own form of an option that ends the program
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - loads what reads e-mail

        typer.echo(f"bridge {version('gpconnect-bridge')}")
        raise typer.Exit


@app.callback()
def common(
    env_file: Annotated[
        Path | None,
        typer.Option(
            "--env-file", help="Read BRIDGE_* variables from this file.", exists=True, dir_okay=False
        ),
    ] = None,
    show_version: Annotated[  # noqa: FBT002 - typer's own form of a flag
        bool, typer.Option("--version", help="Print the version and stop.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Settings come from BRIDGE_* variables; a variable that is set wins over the file."""
    del show_version
    gc.set_threshold(_YOUNG)
    gc.enable()
    if env_file is not None:
        from dotenv import load_dotenv  # noqa: PLC0415 - few need it, and it loads much

        load_dotenv(env_file)


def main() -> None:
    """Run the command that the arguments name; its faults become exit codes."""
    # Pydantic would look through every package that is installed for plugins, and nothing here uses any.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        app()
    except SystemExit:
        raise
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
    except _interrupted():
        sys.exit(Exit.OK)


def _interrupted() -> tuple[type[BaseException], ...]:
    import asyncio  # noqa: PLC0415 - takes most of what help takes, and help needs none of it

    return KeyboardInterrupt, asyncio.CancelledError


def _code_of(fault: BridgeError) -> Exit:
    from bridge.ledger.errors import LedgerUnavailable  # noqa: PLC0415 - most commands need no database

    return Exit.UNAVAILABLE if isinstance(fault, LedgerUnavailable) else Exit.NO
