"""Notes, dosages and quantities."""

import re
from datetime import datetime

from bridge.fhir.digits import decimal
from bridge.fhir.read import Item, JsonObject
from bridge.record.common import Audience, BusinessId, Note, PartialDate, Quantity

_FLAGS = re.IGNORECASE | re.DOTALL
_NOTE_PREFIX = re.compile(
    r"\s*(patient notes|prescriber notes|pharmacy notes|additional information)\s*:\s*(?=\S)", re.IGNORECASE
)
_AUDIENCES: dict[str, Audience] = {
    "patient notes": "patient",
    "prescriber notes": "prescriber",
    "pharmacy notes": "pharmacy",
    "additional information": "additional",
}


def notes(item: Item, sent: object, path: str = "note") -> list[Note]:
    """Annotations, each with whom it is for where a prefix says so; a bare string counts as one."""
    if sent is None:
        return []
    result: list[Note] = []
    for each in sent if isinstance(sent, list) else [sent]:
        text = item.text(each.get("text") if isinstance(each, dict) else each, path)
        if text is not None:
            result.append(_note(text))
    return result


def _note(text: str) -> Note:
    prefix = _NOTE_PREFIX.match(text)
    if prefix is None:
        return {"text": text, "audience": "unspecified"}
    return {"text": text[prefix.end() :], "audience": _AUDIENCES[prefix[1].lower()]}


def iso_day(written: str) -> str | None:
    """`01-Oct-2026` as `2026-10-01`; None when it is no day."""
    day, month, year = written.split("-")
    try:
        number = _MONTHS.index(month.lower()) + 1
        return datetime(int(year), number, int(day)).date().isoformat()  # noqa: DTZ001 - a day has no zone
    except ValueError:
        return None


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def simple_quantity(item: Item, sent: JsonObject, path: str) -> Quantity:
    """A FHIR Quantity, Duration or Age; empty when nothing of it was sent."""
    result: Quantity = {}
    value = sent.get("value")
    if type(value) is int:
        result["value"] = value
    # A decimal whose digits a float would lose comes as text (`bridge.fhir.digits`).
    elif type(value) is str and (found := decimal(value.strip())) is not None:
        result["value"] = found[0]
        if found[1] is not None:
            result["value_as_sent"] = found[1]
    elif (number := item.number(value, path)) is not None:
        result["value"] = number
    elif (text := item.text(value, path)) is not None:
        result["text"] = text
    if "comparator" in sent and (comparator := item.code(sent["comparator"], path)) is not None:
        result["comparator"] = comparator
    if "unit" in sent and (unit := item.text(sent["unit"], path)) is not None:
        result["unit"] = unit
    if "code" in sent and (code := item.code(sent["code"], path)) is not None:
        result["unit_code"] = code
    if "system" in sent and (system := item.code(sent["system"], path)) is not None:
        result["unit_system"] = system
    return result


def business_ids(item: Item) -> list[BusinessId]:
    """Every business identifier, in the order sent (CS-046)."""
    if "identifier" not in item.resource:
        return []
    result: list[BusinessId] = []
    for sent in item.many(item.resource["identifier"], "identifier"):
        value, system = sent.get("value"), sent.get("system")
        value = value.strip() if type(value) is str else item.code(value, "identifier.value")
        if not value:
            continue
        identifier: BusinessId = {"value": value}
        system = system.strip() if type(system) is str else item.code(system, "identifier.system")
        if system:
            identifier["system"] = system
        if "use" in sent and (use := item.code(sent["use"], "identifier.use")) is not None:
            identifier["use"] = use
        result.append(identifier)
    return result


def period(item: Item, sent: object, path: str) -> tuple[PartialDate | None, PartialDate | None]:
    """Start and end of a Period."""
    if sent is None:
        return None, None
    found = sent if type(sent) is dict else item.one(sent, path)
    start = item.date(found["start"], path) if "start" in found else None
    return start, item.date(found["end"], path) if "end" in found else None
