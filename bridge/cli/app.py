"""The commands, and how their faults become exit codes."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
from dotenv import load_dotenv

from bridge.cli import bundles, demo, doctor, documents, run, send
from bridge.cli.exits import Exit
from bridge.engine.worker import ConsumerLostError
from bridge.errors import Misconfigured

_EXIT_CODES = """Exit codes: 0 done; 1 the answer is no (deviations, a failed check, a failed request);
2 input cannot be read, or wrong usage; 3 misconfigured; 4 the bus cannot be used, start again."""

app = typer.Typer(
    name="bridge",
    help="Connects a hospital's message bus to NHS GP Connect.",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("run")(run.run)
app.command("sandbox")(run.sandbox)
app.command("send")(send.send)
app.command("map")(bundles.map_)
app.command("check")(bundles.check)
app.command("doctor")(doctor.doctor)
app.command("schemas")(documents.schemas)
app.command("asyncapi")(documents.asyncapi)


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
    except (ConsumerLostError, ConnectionError) as fault:
        sys.stderr.write(f"the bus cannot be used: {type(fault).__name__}\n")
        sys.exit(Exit.UNAVAILABLE)
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(Exit.OK)
