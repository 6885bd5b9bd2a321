"""``bridge practices``: what the console's pages of practices show, 80 columns wide."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final

import typer

from bridge.cli.terminal import load_settings, moment, operator, print_json, width, with_stores, wrapped
from bridge.operations import overview, practices
from bridge.operations.overview import PracticeOverview
from bridge.operations.practices import AskState, CalledSeen, PracticeFacts
from bridge.operations.quality import meaning
from bridge.operations.site import Stores

_INDENT: Final = "    "
_NOTICED: Final = 10
"""Lines of what was noticed; `--json` has all."""


def list_(since: str, *, as_json: bool) -> None:
    """Print the practices that were asked."""
    first = moment(since, "--since")
    assert first is not None

    async def look(stores: Stores) -> tuple[Sequence[PracticeOverview], Mapping[str, CalledSeen]]:
        return await overview.practices(stores, since=first), await practices.circuits(stores)

    found, circuits = with_stores(load_settings(), look)
    if as_json:
        lines = [_json(each, circuits.get(each.practice_ods)) for each in found]
        print_json({"since": first, "practices": lines})
        return
    if not found:
        typer.echo(f"Since {_moment(first)} no practice was asked.")
        return
    typer.echo(f"Since {_moment(first)}, the worst first:")
    for each in found:
        rate = each.failure_rate
        failed = "none has ended" if rate is None else f"{rate * 100:.0f} % did not succeed"
        last = f"last success {_moment(each.last_success)}" if each.last_success else "last success not known"
        typer.echo("")
        typer.echo(_folded(f"{each.practice_ods}: {each.received} requests, {failed}, {last}", indent=""))
        typer.echo(_folded(f"circuit: {_circuit(circuits.get(each.practice_ods))}"))
        if each.codes:
            typer.echo(_folded("codes: " + ", ".join(f"{code.code} ({code.count})" for code in each.codes)))


def show(practice_ods: str, since: str, *, as_json: bool) -> None:
    """Print what is known of one."""
    first = moment(since, "--since")
    assert first is not None
    found = with_stores(load_settings(), lambda stores: practices.practice(stores, practice_ods, since=first))
    if as_json:
        circuit = None if found.circuit is None else _plain(found.circuit)
        print_json(asdict(replace(found, circuit=circuit)))
    else:
        _print(found, first)


def ask(practice_ods: str, person: tuple[str, str, str], reason: str, actor: str | None) -> None:
    """Have a worker ask one what it is."""
    settings = load_settings()
    who = operator(settings, actor)
    given, family, organisation = person
    with_stores(
        settings,
        lambda stores: practices.ask(
            stores,
            practice_ods,
            actor=who,
            given_name=given,
            family_name=family,
            organisation_name=organisation,
            reason=reason,
        ),
    )
    typer.echo("A worker that runs asks the practice in a few seconds.")
    typer.echo(f"Next: bridge practices show {practice_ods}")


def _json(each: PracticeOverview, circuit: CalledSeen | None) -> dict[str, Any]:
    told = asdict(replace(each, outcomes=dict(each.outcomes)))
    told |= {"received": each.received, "failure_rate": each.failure_rate}
    return told | {"circuit": None if circuit is None else asdict(_plain(circuit))}


def _plain(circuit: CalledSeen) -> CalledSeen:
    # `asdict` makes no dict of a Counter.
    return replace(circuit, circuits=dict(circuit.circuits))


def _print(found: PracticeFacts, since: datetime) -> None:
    typer.echo(f"Practice {found.practice_ods}")
    _part(f"Circuit: {_circuit(found.circuit)}")
    if found.circuit is not None:
        _line(f"last answer {_or_none(found.circuit.answered_at)}")
        _line(f"last failure {_or_none(found.circuit.failed_at)}")
        _line(f"as of {_moment(found.circuit.as_of)}")
    _part("Capability statements:" if found.capabilities else "Capability statements: not known")
    for each in found.capabilities:
        _line(f"{each.interaction}: version {each.version or 'not said'}, {_moment(each.retrieved_at)}")
        _line(f"operations: {', '.join(each.operations) or 'none'}")
    if found.ask is not None:
        _line(f"asked by {found.ask.asked_by} at {_moment(found.ask.asked_at)}: {_answer(found.ask)}")
    _part("Areas:" if found.areas else f"Areas: not known, no structured record came since {since:%Y-%m-%d}")
    for area in found.areas:
        supported = "supported" if area.is_supported else "not supported"
        _line(f"{area.area}: {supported}, answered with {', '.join(area.outcomes)} on {area.day}")
    _part("The directory:" if found.directory else "The directory: not known, no worker has looked it up")
    for said in found.directory:
        where = f"ASID {said.asid}, {said.address}" if said.asid else f"none: {said.detail}"
        supplier = said.supplier_ods or "not said"
        _line(f"{said.interaction}: supplier {supplier}, {where}, {_moment(said.looked_up_at)}")
    _part("Noticed about its records:" if found.noticed else "Noticed about its records: nothing")
    for line in found.noticed[:_NOTICED]:
        why = meaning(line.kind, line.code)
        _line(
            f"{line.count} x {line.kind} {line.code} in {line.area or 'no area'}{f': {why}' if why else ''}"
        )
    if (more := len(found.noticed) - _NOTICED) > 0:
        _line(f"{more} more: bridge quality --practice {found.practice_ods}")


def _circuit(seen: CalledSeen | None) -> str:
    if seen is None or not seen.circuits:
        return "not known: no worker that runs has told"
    states = (
        f"{state.replace('_', ' ')} in {count} worker{'' if count == 1 else 's'}"
        for state, count in seen.circuits.items()
    )
    return ", ".join(states)


def _answer(ask: AskState) -> str:
    if ask.ended_at is None:
        return "no worker took it up" if ask.is_over else "not answered yet"
    failed = f"{ask.code}{f' ({ask.detail})' if ask.detail else ''}" if ask.code else "it answered"
    return f"{failed}, {_moment(ask.ended_at)}"


def _part(text: str) -> None:
    typer.echo(_folded(text, indent="  "))


def _line(text: str) -> None:
    typer.echo(_folded(text))


def _or_none(seen: datetime | None) -> str:
    return _moment(seen) if seen is not None else "none that is known"


def _folded(text: str, *, indent: str = _INDENT) -> str:
    return wrapped(text, width=width(), indent=indent)


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
