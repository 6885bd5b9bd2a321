"""``bridge ledger doubts``: requests of which nobody knows what was done, and what a person found out."""

from typing import Annotated

import typer

from bridge.cli.commands.options import ActorOption, JsonOption, RequestArgument

app = typer.Typer(name="doubts", help="Requests in doubt: nobody knows what was done for them.")


@app.command("list")
def list_(as_json: JsonOption = False) -> None:  # noqa: FBT002
    """List the requests in doubt, what was sent for them and when, and when they are checked next."""
    from bridge.cli import in_doubt

    in_doubt.list_(as_json=as_json)


@app.command()
def check(request: RequestArgument) -> None:
    """Have a request in doubt checked next by a running worker, also one that was given up."""
    from bridge.cli import in_doubt

    in_doubt.check(request)


@app.command()
def close(
    request: RequestArgument,
    reason: Annotated[str, typer.Option(help="What was found out, and how: no patient data.")],
    actor: ActorOption = None,
) -> None:
    """Note that a person has found out what was done, and told whoever asked; nothing is published.

    The request stays in doubt in the ledger, is checked no more, and is a discrepancy no longer.
    """
    from bridge.cli import in_doubt

    in_doubt.close(request, reason, actor)
