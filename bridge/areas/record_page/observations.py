"""Observations: no code without its comment, no number without what limits it (CS-100)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from bridge.areas.observations.events import ObservationsPublished
from bridge.areas.record_page.areas import completeness, group
from bridge.areas.record_page.names import Names, link
from bridge.areas.record_page.provenance import LinkedProblems, by_ref, marks, origin, reasons
from bridge.areas.record_page.words import amount, concept, party, quality
from bridge.mapping.page import Html, element, joined, lines, notice, table, text, when
from bridge.record.observations import Component, Observation, ObservationValue, ReferenceRange

_COMMENT: Final = "A comment may take back what its entry says: read the two together."
_READ: Final = " (read from the comment)"
_TITLE: Final = "Observations"
HEADINGS: Final = ["Observation and comment", "Value", "When", "Warnings", "Notes and source"]


def observations(data: ObservationsPublished, names: Names) -> Html:
    """Everything that one event says about observations."""
    problems = by_ref(data["linked_problems"])
    rows = [row(item, names, problems) for item in data["items"]]
    shown = table(_TITLE, HEADINGS, rows, row="item") if rows else None
    return joined([notice(_COMMENT, alert=False), completeness(data["area"]), group(_TITLE, shown)])


def row(item: Observation, names: Names, problems: LinkedProblems) -> list[Html]:
    """The cells of one observation, under `HEADINGS`."""
    name = element("p", element("bdi", text(concept(item["code"]))), class_="term")
    comment = [element("p", text(item["comment"]), class_="comment")] if "comment" in item else []
    return [
        joined([name, *comment, lines(about(item, names))]),
        lines(list(found(item)) or ["no value sent"]),
        lines(dates(item) or ["no date sent"]),
        lines(warnings(item)),
        lines(
            [
                *(f"By: {said}" for each in item["performers"] if (said := party(each))),
                *(f"Problem: {reason}" for reason in reasons(item["provenance"], problems)),
                *origin(item["provenance"]),
            ]
        ),
    ]


def about(item: Observation, names: Names) -> Iterator[str]:
    """What belongs to its code, and the items that it names."""
    if "immunisation_status" in item:
        yield "A status entry among the immunisations."
    if "body_site" in item:
        yield f"Site: {concept(item['body_site'])}"
    if "method" in item:
        yield f"Method: {concept(item['method'])}"
    for category in item.get("categories", []):
        yield f"Kind: {concept(category)}"
    if "specimen" in item:
        yield f"Specimen: {link(item['specimen'], names)}"
    yield from (f"Heads: {link(each, names)}" for each in item["members"])
    yield from (f"Under: {link(each, names)}" for each in item["part_of"])
    yield from (f"{each['relation']}: {link(each['target'], names)}" for each in item.get("related", []))
    for answer in item.get("answers", []):
        said = [link(answer["answer"], names)] if "answer" in answer else []
        said += [value(answer["value"])] if "value" in answer else []
        yield f"{answer.get('question', 'Question not sent')}: {'; '.join(said) or 'no answer sent'}"


def found(item: Observation | Component) -> Iterator[str]:
    """The value, or why there is none, what is usual, and the same of each component."""
    if "value" in item:
        yield value(item["value"])
    if "absent_reason" in item:
        yield f"No value: {concept(item['absent_reason'])}"
    if "interpretation" in item:
        read = _READ if item["interpretation"]["term_from"] == "note" else ""
        yield f"Interpretation: {concept(item['interpretation'])}{read}"
    yield from (f"Usual: {_range(each)}" for each in item["reference_ranges"])
    components: Sequence[Component] = item.get("components", [])  # type: ignore[assignment]  # of an item
    for component in components:
        yield f"{concept(component['code'])}: {'; '.join(found(component)) or 'no value sent'}"


def value(sent: ObservationValue) -> str:
    """A value in words, with all that qualifies it."""
    return _IN_WORDS[sent["kind"]](sent)


def _quantity(sent: Any) -> str:
    about = "about " if "approximate" in sent else ""
    unit = {"unit_code": sent["code"]} if "code" in sent else {}
    counted: Any = {**sent, **unit}
    return f"{about}{amount(counted) or 'no number'}{_READ if 'read_from' in sent else ''}"


def _period(sent: Any) -> str:
    return f"from {when(sent.get('start')) or 'not known'} to {when(sent.get('end')) or 'not known'}"


def _limits(sent: Any) -> str:
    return f"from {amount(sent.get('low')) or 'open'} to {amount(sent.get('high')) or 'open'}"


def _ratio(sent: Any) -> str:
    return " : ".join(amount(sent.get(each)) or "not sent" for each in ("numerator", "denominator"))


_IN_WORDS: Final[Mapping[str, Callable[[Any], str]]] = {
    "quantity": _quantity,
    "coded": lambda sent: concept(sent["value"]),
    "text": lambda sent: str(sent["value"]),
    "time": lambda sent: str(sent["value"]),
    "boolean": lambda sent: "yes" if sent["value"] else "no",
    "date_time": lambda sent: when(sent["value"]) or "not known",
    "period": _period,
    "range": _limits,
    "ratio": _ratio,
    "other": lambda sent: f"{sent['fhir_type']}: {orjson.dumps(sent['value']).decode()}",
}


def _range(sent: ReferenceRange) -> str:
    limits = [amount(sent.get("low")), amount(sent.get("high"))]
    said = [sent["text"]] if "text" in sent else []
    if any(limits):
        said.insert(0, " to ".join(limit or "open" for limit in limits))
    said += [
        concept(each)
        for each in [*([sent["meaning"]] if "meaning" in sent else []), *sent.get("applies_to", [])]
    ]
    said += [f"age {value(sent['age'])}"] if "age" in sent else []
    return f"{'; '.join(said)}{_READ if 'read_from' in sent else ''}"


def dates(item: Observation) -> list[str]:
    """When it was so, and when it was entered; of a filing comment the latter alone."""
    said = [
        ("Date", when(item.get("effective"))),
        ("Until", when(item.get("effective_to"))),
        ("Entered", when(item.get("recorded_at"))),
    ]
    return [f"{name}: {day}" for name, day in said if day]


def warnings(item: Observation) -> Iterator[str]:
    """What must not be overlooked."""
    if item.get("status", "final") != "final":
        yield f"State as sent: {item.get('status')}"
    yield from quality(item["code"])
    yield from marks(item)
