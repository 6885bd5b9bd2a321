"""``bridge ledger list`` and ``show``: which requests failed, wait or are dead, and what happened to one."""

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import typer

from bridge.cli.exits import Exit
from bridge.cli.terminal import (
    load_settings,
    moment,
    operator,
    patient_key,
    print_json,
    width,
    with_stores,
    wrapped,
)
from bridge.operations import requests
from bridge.operations.request_csv import as_csv
from bridge.operations.requests import (
    Cursor,
    ListedOutcome,
    RequestFilter,
    RequestLine,
    RequestPage,
    SeveralRequests,
)

_INDENT = "  "


def wanted(
    *,
    outcome: ListedOutcome | None,
    code: str | None,
    pipeline: str | None,
    operation: str | None,
    attempts: int | None,
    practice: str | None,
    correlation_id: str | None,
    period: tuple[str | None, str | None],
) -> RequestFilter:
    """Which requests the options ask for; `period`: since and until, as they were typed."""
    since, until = period
    return RequestFilter(
        outcome=outcome,
        code=code,
        pipeline=pipeline,
        operation=operation,
        attempts=attempts,
        practice_ods=practice,
        correlation_id=correlation_id,
        since=moment(since, "--since"),
        until=moment(until, "--until"),
    )


def list_(
    wanted: RequestFilter, *, of_patient: bool, after: str | None, limit: int, form: str, actor: str | None
) -> None:
    """Print a page of requests as text, JSON or CSV (`form`)."""
    settings = load_settings()
    who = operator(settings, actor)
    start = _cursor(after)
    if of_patient:
        wanted = replace(wanted, patient_key=patient_key(settings))
    page = with_stores(
        settings,
        lambda stores: requests.list_requests(stores, wanted, actor=who, after=start, limit=limit),
    )
    if form == "json":
        after = str(page.after) if page.after else None
        print_json({"requests": [as_json(line) for line in page.lines], "after": after})
        return
    if form == "csv":
        sys.stdout.write(as_csv(page.lines))
    else:
        _print(page)
    if page.after is not None:
        typer.echo(f"There are more: --after {page.after}", err=True)


def show(reference: str) -> None:
    """Print all that is known of one request, or which ones are meant."""
    settings = load_settings()
    try:
        known = with_stores(settings, lambda stores: requests.history(stores, reference))
    except SeveralRequests as several:
        # Standard output is for the JSON of one.
        print_lines(several.lines, err=True)
        typer.echo("several requests are meant: name one by its key, as above", err=True)
        raise typer.Exit(Exit.NO) from None
    print_json(asdict(known))


def as_json(line: RequestLine) -> dict[str, Any]:
    """A line by the names that JSON has everywhere."""
    told = asdict(line)
    del told["row"], told["state"]
    return told | {"duration_ms": line.duration_ms}


def print_lines(lines: Sequence[RequestLine], *, err: bool = False) -> None:
    """Three lines of text for each request; ids stand whole, each on a line of its own."""
    for line in lines:
        facts = (
            f"{line.received_at:%Y-%m-%d %H:%M:%S}",
            f"{line.outcome:<9}",
            f"{line.code or '-':<23}",
            f"{line.practice_ods or '-':<10}",
            f"{line.attempts} {'try' if line.attempts == 1 else 'tries'}",
        )
        typer.echo(" ".join(facts), err=err)
        typer.echo(_INDENT + line.request_key, err=err)
        if line.correlation_id != line.own_id:
            typer.echo(f"{_INDENT}correlation id {line.correlation_id}", err=err)
        typer.echo(wrapped(_about(line), width=width(), indent=_INDENT), err=err)


def _print(page: RequestPage) -> None:
    if not page.lines:
        typer.echo("No request meets all of that.")
        return
    typer.echo("Received (UTC)      Outcome   Code                    Practice   Tries")
    print_lines(page.lines)


def _about(line: RequestLine) -> str:
    facts = [line.pipeline, line.operation]
    if line.stage is not None:
        by = f" ({line.upstream})" if line.upstream else ""
        facts.append(f"at {line.stage}{by}: {line.detail or '-'}")
    if line.dead_letter is not None:
        facts.append(f"dead letter: {line.dead_letter}")
    if line.duration_ms is not None:
        facts.append(f"{line.duration_ms / 1000:.1f} s")
    if line.wait_until is not None:
        facts.append(f"next {_moment(line.wait_until)}")
    return ", ".join(fact for fact in facts if fact)


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _cursor(text: str | None) -> Cursor | None:
    if text is None:
        return None
    try:
        return Cursor.parse(text)
    except ValueError:
        raise typer.BadParameter("is none that a list has printed", param_hint="--after") from None
