"""``bridge ledger``: what happened to requests, whether all are accounted for; their records once more."""

from dataclasses import replace
from typing import Annotated, Literal

import typer

from bridge.cli.commands import doubts
from bridge.cli.commands.options import (
    ActorOption,
    JsonOption,
    PipelineOption,
    RequestArgument,
    TookOption,
    seconds,
)

ListedOutcome = Literal["completed", "failed", "rejected", "in_doubt", "retrying", "dead", "in_flight"]
"""As the ledger's list has them; written out, because that takes too long to load for a list of options."""

app = typer.Typer(name="ledger", help="What happened to requests, and whether all are accounted for.")
app.add_typer(doubts.app)


@app.command()
def balance(
    pipelines: PipelineOption = None,
    since: Annotated[
        str | None,
        typer.Option(help="Received at this moment (ISO 8601, UTC) or so long ago (12h), or later."),
    ] = None,
    until: Annotated[str | None, typer.Option(help="Received before.")] = None,
    as_json: JsonOption = False,  # noqa: FBT002
) -> None:
    """Prove that every request is accounted for, in the ledger and at the broker. Changes nothing.

    In = completed + failed + rejected + in doubt + waiting + in flight, per pipeline, and nothing that is
    open is unattended. Without a period the broker's own counts are compared too. Exit code 1 when something
    does not add up, with what is missing by name.
    """
    from bridge.cli import ledger

    ledger.balance(pipelines or [], since, until, as_json=as_json)


@app.command("list")
def list_(  # noqa: PLR0913, PLR0917 - each is an option
    outcome: Annotated[
        ListedOutcome | None, typer.Option(help="How they stand; `retrying`: they wait for their next try.")
    ] = None,
    code: Annotated[str | None, typer.Option(help="Why they did not succeed, or wait.")] = None,
    pipeline: Annotated[str | None, typer.Option(help="Of this pipeline only.")] = None,
    operation: Annotated[
        str | None, typer.Option(help="What they ask for, such as record.requested.v1.")
    ] = None,
    attempts: Annotated[int | None, typer.Option(min=1, help="How many tries they needed so far.")] = None,
    took: TookOption = None,
    practice: Annotated[str | None, typer.Option(help="ODS code of the practice that was asked.")] = None,
    correlation_id: Annotated[str | None, typer.Option(help="The sender's.")] = None,
    patient: Annotated[  # noqa: FBT002
        bool,
        typer.Option(
            "--patient",
            help="Of one patient only: the NHS number is typed at a prompt, or read from standard input. "
            "The audit trail notes who looked.",
        ),
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(help="Received at this moment (ISO 8601, UTC) or so long ago (12h), or later."),
    ] = None,
    until: Annotated[str | None, typer.Option(help="Received before.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 50,
    after: Annotated[str | None, typer.Option(help="Go on where a list before ended, as it said.")] = None,
    as_json: JsonOption = False,  # noqa: FBT002
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, for a spreadsheet.")] = False,  # noqa: FBT002
    actor: ActorOption = None,
) -> None:
    """List requests, the newest first: those that meet all that is given. Changes nothing."""
    from bridge.cli import request_list

    if as_json and as_csv:
        raise typer.BadParameter("is not for --json as well", param_hint="--csv")
    wanted = request_list.wanted(
        outcome=outcome,
        code=code,
        pipeline=pipeline,
        operation=operation,
        attempts=attempts,
        practice=practice,
        correlation_id=correlation_id,
        period=(since, until),
    )
    request_list.list_(
        replace(wanted, took_s=seconds(took)),
        of_patient=patient,
        after=after,
        limit=limit,
        form="json" if as_json else "csv" if as_csv else "text",
        actor=actor,
    )


@app.command()
def show(request: RequestArgument) -> None:
    """Print all that is known of one request as JSON; bodies stay sealed. Changes nothing.

    Exit code 1 when none is meant, or several, which are listed.
    """
    from bridge.cli import request_list

    request_list.show(request)


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


@app.command()
def erase_base(
    reason: Annotated[str, typer.Option(help="Why; for the audit trail.")] = "",
    actor: ActorOption = None,
) -> None:
    """Delete what a patient's next answer would be compared with, for good: it is told whole then.

    The NHS number is typed at a prompt, or read from standard input. What is kept tells items apart, and
    says nothing else of them; events and answers of practices go when their time is over (ledger prune).
    """
    from bridge.cli import ledger

    ledger.erase_base(reason, actor)


@app.command()
def upgrade() -> None:
    """Bring the ledger's database to the schema of this version, before its workers start.

    A worker does so by itself where its role may make tables; here another role may (BRIDGE_LEDGER_URL).
    Running it again changes nothing. No key is needed.
    """
    from bridge.cli import ledger

    ledger.upgrade()
