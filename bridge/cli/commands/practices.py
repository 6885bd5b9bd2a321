"""``bridge practices``: how practices answer, what is known of one, and asking one what it is."""

from typing import Annotated

import typer

from bridge.cli.commands.options import ActorOption, JsonOption, WhyOption

app = typer.Typer(name="practices", help="How practices answer, and what they say they are.")

_OdsArgument = Annotated[str, typer.Argument(metavar="ODS", help="ODS code of the practice.")]


@app.command("list")
def list_(
    since: Annotated[
        str, typer.Option(help="Requests received at this moment (ISO 8601, UTC) or so long ago, or later.")
    ] = "24h",
    as_json: JsonOption = False,  # noqa: FBT002
) -> None:
    """List the practices that were asked, the worst first, as the console does. Changes nothing.

    What no running worker has told of a circuit is not known: neither closed nor open.
    """
    from bridge.cli import practices

    practices.list_(since, as_json=as_json)


@app.command()
def show(
    ods: _OdsArgument,
    since: Annotated[
        str, typer.Option(help="Areas and records of this day (UTC) or so long ago (30d), or later.")
    ] = "30d",
    as_json: JsonOption = False,  # noqa: FBT002
) -> None:
    """Tell what is known of one practice, and as of when. Changes nothing."""
    from bridge.cli import practices

    practices.show(ods, since, as_json=as_json)


@app.command()
def ask(
    ods: _OdsArgument,
    given_name: Annotated[str, typer.Option(help="Of whoever asks: the practice is told.")],
    family_name: Annotated[str, typer.Option(help="Likewise.")],
    organisation_name: Annotated[str, typer.Option(help="Likewise, of their organisation.")],
    reason: WhyOption,
    actor: ActorOption = None,
) -> None:
    """Have a running worker ask a practice for its capability statement; `show` tells what came of it.

    Writes down who wanted it, and why.
    """
    from bridge.cli import practices

    practices.ask(ods, (given_name, family_name, organisation_name), reason, actor)
