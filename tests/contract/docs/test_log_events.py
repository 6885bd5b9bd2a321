"""The page of log events says what the vocabulary says, and everything in it is really logged.

``LOG_EVENTS=write`` writes the page anew.
"""

import ast
import inspect
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

import pytest

from bridge.observe.vocabulary import base, bus, console, ledger, mllp, process, requests, upstreams
from bridge.observe.vocabulary.base import Outcome, RequestEvent, TelemetryEvent, layout
from bridge.observe.vocabulary.fields import BOUND, FIELDS, TRACED
from pipelines.appointments import telemetry

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "bridge/observe/README.md"
BEGIN, END = "<!-- events -->", "<!-- end of events -->"
SUBJECTS = {
    "Requests": requests,
    "Calls": upstreams,
    "Ledger, keys and audit trail": ledger,
    "Bus": bus,
    "Process": process,
    "HL7 v2 by MLLP": mllp,
    "Console": console,
}
LEVELS = ("debug", "info", "warning", "error")


def events_of(module) -> list[type[TelemetryEvent]]:
    """The events of one module, in its order; what only others derive from has no name."""
    found = (each for each in vars(module).values() if inspect.isclass(each))
    return [each for each in found if issubclass(each, TelemetryEvent) and "name" in vars(each)]


EVENTS = {event.name: event for module in SUBJECTS.values() for event in events_of(module)}

OF_PIPELINES = events_of(telemetry)


def test_what_a_pipeline_records_names_its_request_and_is_no_event_of_the_engine():
    assert OF_PIPELINES
    assert all(issubclass(event, RequestEvent) for event in OF_PIPELINES)
    assert {event.name for event in OF_PIPELINES} & EVENTS.keys() == set()


def row(event: type[TelemetryEvent]) -> str:
    says = " ".join((inspect.getdoc(event) or "").split())
    level = event.level if event.severity is TelemetryEvent.severity else "by case"
    bound = ("request_key",) if issubclass(event, RequestEvent) else ()
    fields = ", ".join(f"`{name}`" for name in (*bound, *layout(event).names))
    return f"| `{event.name}` | {level} | {says} | {fields} |"


def table() -> str:
    lines = []
    for subject, module in SUBJECTS.items():
        lines += [f"## {subject}", "", "| Event | Level | Says | Fields |", "|---|---|---|---|"]
        lines += [*map(row, events_of(module)), ""]
    lines += ["## Fields", "", "| Field | Means |", "|---|---|"]
    lines += [f"| `{name}` | {meaning} |" for name, meaning in FIELDS.items()]
    return "\n".join(lines)


def sources() -> Iterator[ast.AST]:
    for file in sorted((ROOT / "bridge").rglob("*.py")):
        if "vocabulary" not in file.parts:
            yield from ast.walk(ast.parse(file.read_text(encoding="utf-8")))


def logged_by_name() -> set[str]:
    """What is given to a logger as it stands."""
    return {
        str(node.args[0].value)
        for node in sources()
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LEVELS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id.lstrip("_") == "log"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }


def recorded() -> set[str]:
    """The events that are made somewhere."""
    names = {node.id for node in sources() if isinstance(node, ast.Name)}
    made = {event for event in EVENTS.values() if event.__name__ in names}
    if "BROKER_RETRIES" in names:
        made |= {*bus.BROKER_RETRIES.values()}
    return {each.name for event in made for each in (event, getattr(event, "because", event))}


def test_the_page_says_what_the_vocabulary_says():
    text = PAGE.read_text(encoding="utf-8")
    written = re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n\n{table()}\n\n{END}", text, flags=re.DOTALL)
    if os.environ.get("LOG_EVENTS") == "write":
        PAGE.write_text(written, encoding="utf-8")
    assert text == written, "run this test with LOG_EVENTS=write"


def test_every_event_is_logged_somewhere_and_nothing_else_is():
    assert recorded() | logged_by_name() == EVENTS.keys()


def test_no_two_events_have_one_name():
    assert len(EVENTS) == sum(len(events_of(module)) for module in SUBJECTS.values())


def test_every_field_has_one_meaning_and_every_meaning_a_field():
    held = {name for event in EVENTS.values() for name in layout(event).names}
    assert held | {*BOUND, *TRACED} == FIELDS.keys()


@pytest.mark.duty("JO-033")
@pytest.mark.parametrize("event", [*EVENTS.values(), *OF_PIPELINES], ids=lambda event: event.name)
def test_no_field_takes_free_text(event):
    """Numbers, fixed words, codes and words of our own: no plain text, no object."""

    def is_allowed(hint) -> bool:
        if get_origin(hint) is Annotated:
            return hint in (base.Code, base.Words)
        if get_origin(hint) is Literal:
            return True
        parts = [part for part in get_args(hint) if part is not Ellipsis]
        return all(map(is_allowed, parts)) if parts else hint in (int, float, bool, type(None))

    hints = get_type_hints(event, include_extras=True)
    assert [name for name in layout(event).names if not is_allowed(hints[name])] == []


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_an_outcome_is_one_of_six_words_wherever_it_is_told(event):
    hints = get_type_hints(event, include_extras=True)
    assert "outcome" not in layout(event).names or hints["outcome"] == Outcome


def test_events_that_the_guide_names_exist():
    guide = (ROOT / "deploy/README.md").read_text(encoding="utf-8")
    watched = guide.partition("## What to watch")[2].partition("| On the broker")[0]
    named = re.findall(r"^\| `([a-z_]+)` \|", watched, flags=re.MULTILINE)
    assert named
    assert set(named) <= EVENTS.keys()
