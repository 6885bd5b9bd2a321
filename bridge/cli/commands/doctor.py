"""``bridge doctor``: everything that a request depends on, tried once, before a request does."""

from typing import Annotated

import typer


def doctor(
    *,
    console: Annotated[
        bool,
        typer.Option("--console", help="Of the console's own process: ledger, bus and OpenID provider."),
    ] = False,
) -> None:
    """Check settings, certificates, disk, bus, ledger, PDS, SDS; one line each. Exit code 1 when one fails.

    No patient is asked about and nothing is published.
    """
    from bridge.cli import doctor

    doctor.doctor(of_console=console)
