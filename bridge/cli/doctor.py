"""``bridge doctor``: everything that a request depends on, tried once, before a request does."""

import asyncio

import typer
from rich.console import Console
from rich.table import Table

from bridge.cli.console import demand_extra
from bridge.cli.exits import Exit
from bridge.engine.worker import check
from bridge.observe import configure_logging
from bridge.operations.doctor import examine, examine_for_console
from bridge.settings import Settings


def doctor(*, of_console: bool) -> None:
    """Print whether each thing works that a worker needs, or the console."""
    if of_console:
        demand_extra()
        from bridge.console.listening import check as check_console  # noqa: PLC0415 - of an extra

    settings = Settings.load(check=check_console if of_console else check)
    configure_logging("error", settings.log.format)
    checks = asyncio.run(examine_for_console(settings) if of_console else examine(settings))
    table = Table("check", "", "detail", show_edge=False)
    for one in checks:
        table.add_row(one.what, "[green]ok[/green]" if one.is_good else "[red]FAILED[/red]", one.detail)
    Console().print(table)
    raise typer.Exit(Exit.OK if all(one.is_good for one in checks) else Exit.NO)
