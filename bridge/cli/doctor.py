"""``bridge doctor``: everything that a request depends on, tried once, before a request does."""

import asyncio

import typer
from rich.console import Console
from rich.table import Table

from bridge.cli.exits import Exit
from bridge.engine.worker import check
from bridge.observe import configure_logging
from bridge.operations.doctor import examine
from bridge.settings import Settings


def doctor() -> None:
    """Print whether each thing works."""
    settings = Settings.load(check=check)
    configure_logging("error", settings.log.format)
    checks = asyncio.run(examine(settings))
    table = Table("check", "", "detail", show_edge=False)
    for one in checks:
        table.add_row(one.what, "[green]ok[/green]" if one.is_good else "[red]FAILED[/red]", one.detail)
    Console().print(table)
    raise typer.Exit(Exit.OK if all(one.is_good for one in checks) else Exit.NO)
