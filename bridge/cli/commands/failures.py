"""``bridge failures``: what did not succeed, by cause, with what to do next."""

from typing import Annotated

import typer

from bridge.cli.commands.options import JsonOption


def failures(
    since: Annotated[
        str,
        typer.Option(help="Ended at this moment (ISO 8601, UTC) or so long ago (90m, 12h, 7d), or later."),
    ] = "12h",
    until: Annotated[str | None, typer.Option(help="Ended before.")] = None,
    pipeline: Annotated[str | None, typer.Option(help="Of this pipeline only.")] = None,
    as_json: JsonOption = False,  # noqa: FBT002
) -> None:
    """List why requests failed, were rejected, are dead or in doubt, by cause, the most frequent first.

    For each cause: how many, when, at which practices, an example for `bridge ledger show`, the id of the
    group, and what to do next. One in doubt that a person has closed is left out. Changes nothing.
    """
    from bridge.cli import failures as groups

    groups.show(since, until, pipeline, as_json=as_json)
