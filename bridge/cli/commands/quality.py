"""``bridge quality``: what practices sent that could not be mapped, or was noticed."""

from typing import Annotated

import typer

from bridge.cli.commands.options import JsonOption


def quality(
    since: Annotated[
        str,
        typer.Option(help="From the day (UTC) of this moment (ISO 8601) or so long ago (7d) on."),
    ] = "7d",
    practice: Annotated[str | None, typer.Option(help="ODS code of the practice that sent it.")] = None,
    supplier: Annotated[
        str | None, typer.Option(help="ODS code of the supplier of its system, as the directory has it.")
    ] = None,
    as_json: JsonOption = False,  # noqa: FBT002
    as_csv: Annotated[  # noqa: FBT002
        bool, typer.Option("--csv", help="Print CSV by practice, to be sent to the supplier: no patients.")
    ] = False,
) -> None:
    """List issue codes, why things are not among the items, and degraded codes, the most frequent first.

    By supplier and area, with how often, in how many records of how many practices, and the last example: a
    resource, by which the supplier finds it. Of structured records alone. Changes nothing.
    """
    from bridge.cli import quality as summary

    if as_json and as_csv:
        raise typer.BadParameter("is not for --json as well", param_hint="--csv")
    summary.show(since, practice, supplier, form="json" if as_json else "csv" if as_csv else "text")
