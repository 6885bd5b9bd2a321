"""``bridge ledger``: what happened to requests, whether all are accounted for; their records once more."""

from typing import Annotated

import typer

from bridge.cli.commands import doubts
from bridge.cli.commands.options import ActorOption, JsonOption, PipelineOption, RequestArgument

app = typer.Typer(name="ledger", help="What happened to requests, and whether all are accounted for.")
app.add_typer(doubts.app)


@app.command()
def balance(
    pipelines: PipelineOption = None,
    since: Annotated[
        str | None, typer.Option(help="Received at this day or moment (ISO 8601, UTC) or later.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Received before this day or moment.")] = None,
    as_json: JsonOption = False,  # noqa: FBT002
) -> None:
    """Prove that every request is accounted for, in the ledger and at the broker. Changes nothing.

    In = completed + failed + rejected + in doubt + waiting + in flight, per pipeline, and nothing that is
    open is unattended. Without a period the broker's own counts are compared too. Exit code 1 when something
    does not add up, with what is missing by name.
    """
    from bridge.cli import ledger

    ledger.balance(pipelines or [], since, until, as_json=as_json)


@app.command()
def show(request: RequestArgument) -> None:
    """Print all that is known of one request as JSON; bodies stay sealed. Changes nothing."""
    from bridge.cli import ledger

    ledger.show(request)


@app.command()
def remap(
    request: RequestArgument,
    reason: Annotated[str, typer.Option(help="Why; for the audit trail.")] = "",
    actor: ActorOption = None,
) -> None:
    """Map the practice's stored structured record again; prints GpRecord JSON, which is patient data.

    As `bridge map` does, it takes medications and allergies, ended ones included, to have been asked for.
    Publishes nothing. That the answer was opened is noted in the audit trail.
    """
    from bridge.cli import ledger

    ledger.remap(request, reason, actor)


@app.command()
def claim(
    claim_id: Annotated[str, typer.Argument(metavar="ID", help="The last part of an event's dataref.")],
    reason: Annotated[str, typer.Option(help="Why; for the audit trail.")] = "",
    actor: ActorOption = None,
) -> None:
    """Print what a claim check stands for, which is patient data: a large event's, or a document."""
    from bridge.cli import ledger

    ledger.claim(claim_id, reason, actor)


@app.command()
def prune(actor: ActorOption = None) -> None:
    """Delete bodies and requests whose time is over (BRIDGE_LEDGER_KEEP_…, BRIDGE_VAULT_KEEP_…), for good.

    What is open, in doubt or still owes events is kept, and the audit trail always: it notes what is erased.
    """
    from bridge.cli import ledger

    ledger.prune(actor)
