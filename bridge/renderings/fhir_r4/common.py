"""Elements of FHIR R4 out of pieces of the local record: plain dictionaries, nothing made up.

What the record does not know is left out, or told as ``data-absent-reason`` where R4 requires something.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import orjson

from bridge.fhir.systems import SNOMED
from bridge.record import BusinessId, CodedText, Coding, Note, PartialDate, Quantity
from bridge.renderings.fhir_r4.uk_core import (
    AS_SENT,
    DATA_ABSENT_REASON,
    DESCRIPTION_ID,
    DESCRIPTION_TERM,
    OWN,
)
from bridge.renderings.rendering import R4Profile

Resource = dict[str, Any]
"""A resource, or an element of one, as JSON."""
AbsentReason = Literal["unknown", "masked", "not-asked", "asked-unknown", "as-text", "error", "unsupported"]

_DAY: Final = len("2004-05-06")
_INSTANT: Final = re.compile(
    r"(?P<minute>\d{4}-\d{2}-\d{2}T\d{2}:\d{2})(?P<second>:\d{2}(?:\.\d+)?)?(?P<zone>Z|[+-]\d{2}:?\d{2})",
    re.ASCII,
)
_DECIMAL: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_COMPARATORS: Final = frozenset({"<", "<=", ">=", ">"})
_SPACE: Final = re.compile(r"\s", re.ASCII)
MAY_BE_CONTROL: Final = re.compile(rb"\\(?:b|f|u00[01])")
"""In JSON: a control character, or words that look like the escape of one."""
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""What no string of R4 may hold."""
_IDENTIFIER_USES: Final = frozenset({"usual", "official", "temp", "secondary", "old"})


def absent(reason: AbsentReason) -> Resource:
    """An element of which only is known why it is not known."""
    return {"extension": [{"url": DATA_ABSENT_REASON, "valueCode": reason}]}


def concept_of(system: str, code: str, display: str | None = None) -> Resource:
    """A concept of one code, of a code system that we choose ourselves."""
    coding = {"system": system, "code": code}
    if display is not None:
        coding["display"] = display
    return {"coding": [coding]}


def concept(text: CodedText, profile: R4Profile) -> Resource:
    """A CodeableConcept: the words that the GP saw as its text, and every code that means something.

    A degraded concept keeps its words alone: a code without its meaning would be imported as one. Of a null
    flavour, and where nothing was sent, the words are kept with the reason why there is nothing else.

    Args:
        text: as the record has it.
        profile: of the site.
    """
    quality = text["coding_quality"]
    if quality == "degraded" or not text["codings"]:
        found: Resource = {"text": text["term"]}
        if quality == "empty" or text["term_from"] == "placeholder":
            found["extension"] = absent("unknown")["extension"]
        return found
    if quality == "null_flavour":
        return {**absent("unknown"), "text": text["term"]}
    codings = [coding for each in text["codings"] if (coding := _coding(each, profile))]
    return {"coding": codings, "text": text["term"]} if codings else {"text": text["term"]}


def is_absent(text: CodedText) -> bool:
    """Whether a concept says nothing: a null flavour, or nothing was sent."""
    return text["coding_quality"] in ("null_flavour", "empty")


def _coding(coding: Coding, profile: R4Profile) -> Resource:
    found: Resource = {}
    if "system" in coding:
        put_uri(found, "system", coding["system"])
    if "code" in coding:
        found["code"] = coding["code"]
    if "display" in coding:
        found["display"] = coding["display"]
    if "user_selected" in coding:
        found["userSelected"] = coding["user_selected"]
    if (extension := _description(coding, profile)) is not None:
        found["extension"] = [extension]
    return found


def _description(coding: Coding, profile: R4Profile) -> Resource | None:
    """The description of a concept that was chosen: UK Core has its term only, the published pairs both."""
    term = coding.get("description_term")
    if term is None and "description_id" not in coding:
        return None
    if profile == "ukcore-current":
        return None if term is None else {"url": DESCRIPTION_TERM, "valueString": term}
    parts: list[Resource] = []
    if "description_id" in coding:
        identifier = {"system": SNOMED, "value": coding["description_id"]}
        parts.append({"url": "descriptionId", "valueIdentifier": identifier})
    if term is not None:
        parts.append({"url": "descriptionDisplay", "valueString": term})
    return {"url": DESCRIPTION_ID, "extension": parts}


def put_date(element: Resource, name: str, when: PartialDate | None) -> None:
    """Set a dateTime, as precise as it was sent.

    What is no date, or a day that stands for none, becomes ``data-absent-reason``. Where R4 has the date
    otherwise than it was sent (a time needs a zone there), an extension holds the text that was sent.

    Args:
        element: that has the dateTime.
        name: of the dateTime in it.
        when: None sets nothing.
    """
    if when is None:
        return
    value, precision = when["value"], when["precision"]
    if precision in ("day", "month", "year"):
        element[name] = value
        return
    if precision == "instant":
        found = _INSTANT.fullmatch(value)
        # Without a zone a time is none in R4: the day is what is left of it.
        written = value[:_DAY] if found is None else _with_zone(found)
        element[name] = written
        if written != value:
            element[f"_{name}"] = {"extension": [_as_sent(value)]}
        return
    reason: AbsentReason = "unknown" if precision == "placeholder" else "error"
    element[f"_{name}"] = {"extension": [*absent(reason)["extension"], _as_sent(value)]}


def _with_zone(found: re.Match[str]) -> str:
    zone = found["zone"]
    if zone != "Z" and ":" not in zone:
        zone = f"{zone[:3]}:{zone[3:]}"
    return f"{found['minute']}{found['second'] or ':00'}{zone}"


def period(start: PartialDate | None, end: PartialDate | None) -> Resource:
    """A Period; empty where neither end is known."""
    found: Resource = {}
    put_date(found, "start", start)
    put_date(found, "end", end)
    return found


def _as_sent(text: str) -> Resource:
    return {"url": AS_SENT, "valueString": text}


def own(name: str, **value: Any) -> Resource:
    """An extension of our own, for what neither R4 nor UK Core has a place for.

    Args:
        name: last part of its URL.
        value: one `value[x]`, or the `extension` inside of it.
    """
    return {"url": f"{OWN}{name}", **value}


def add_extension(element: Resource, extension: Resource) -> None:
    """Add an extension to a resource or an element."""
    element.setdefault("extension", []).append(extension)


def quantity(amount: Quantity) -> Resource:
    """A Quantity with the digits and the comparator it was sent with; words alone stand as its unit."""
    found: Resource = {}
    if "value" in amount:
        if "comparator" in amount:
            if amount["comparator"] not in _COMPARATORS:
                return _in_words(amount)
            found["comparator"] = amount["comparator"]
        found["value"] = _decimal(amount)
        if "unit" in amount:
            found["unit"] = amount["unit"]
        if "unit_code" in amount and "unit_system" in amount:
            # R4: no code without its system.
            put_uri(found, "system", amount["unit_system"])
            found["code"] = amount["unit_code"]
        if "text" in amount and amount["text"] != amount.get("unit"):
            add_extension(found, _as_sent(amount["text"]))
        return found
    words = amount.get("text") or amount.get("unit")
    return {**absent("as-text"), "unit": words} if words else absent("unknown")


def simple_quantity(amount: Quantity) -> Resource:
    """A Quantity where R4 allows no comparator: with one, the amount is words alone.

    Read without its comparator it would be another amount.
    """
    return _in_words(amount) if "comparator" in amount else quantity(amount)


def _in_words(amount: Quantity) -> Resource:
    """An amount whose comparator R4 has no place for."""
    value = amount.get("value_as_sent") or f"{amount.get('value', '')}"
    parts = (amount.get("comparator"), value, amount.get("unit"), amount.get("text"))
    return {**absent("as-text"), "unit": " ".join(part for part in parts if part)}


def _decimal(amount: Quantity) -> object:
    """The number; with the digits that were sent, as JSON, where a float cannot hold them."""
    sent = amount.get("value_as_sent")
    if sent is not None and _DECIMAL.fullmatch(sent):
        return orjson.Fragment(sent)
    return amount["value"]


def annotations(notes: Iterable[Note]) -> list[Resource]:
    """Notes, layout kept. Whom one is meant for is an extension: R4 has no place for it."""
    found = []
    for note in notes:
        annotation: Resource = {"text": note["text"]}
        if note["audience"] != "unspecified":
            annotation["extension"] = [own("note-audience", valueCode=note["audience"])]
        found.append(annotation)
    return found


def identifiers(business_ids: Sequence[BusinessId]) -> list[Resource]:
    """Identifiers as the practice sent them."""
    found = []
    for each in business_ids:
        identifier: Resource = {}
        if each.get("use") in _IDENTIFIER_USES:
            identifier["use"] = each["use"]
        if "system" in each:
            put_uri(identifier, "system", each["system"])
        identifier["value"] = each["value"]
        found.append(identifier)
    return found


def put(element: Resource, **values: Any) -> None:
    """Set what there is: None, empty lists and empty elements are left out, as FHIR has no such thing."""
    for name, value in values.items():
        if value not in (None, [], {}, ""):
            element[name] = value


def chosen(table: Mapping[str, str], value: str | None) -> str | None:
    """The code that stands for one of ours; None where there is none."""
    return None if value is None else table.get(value)


def without_control(value: Any) -> Any:
    """The same with the replacement character for each control character, which R4 forbids in strings."""
    if isinstance(value, str):
        return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, list):
        return [without_control(each) for each in value]
    if isinstance(value, dict):
        return {name: without_control(each) for name, each in value.items()}
    return value


def put_uri(element: Resource, name: str, sent: str) -> None:
    """Set an address. One with white space in it is none in R4: it is kept as it was sent."""
    if _SPACE.search(sent) is None:
        element[name] = sent
    else:
        element[f"_{name}"] = {"extension": [*absent("error")["extension"], _as_sent(sent)]}
