"""Notes, dosages and quantities."""

import re
from datetime import datetime

from bridge.fhir.digits import decimal, with_digits
from bridge.fhir.read import Item, JsonObject, extension_value
from bridge.record.common import Audience, BusinessId, Note, PartialDate, Quantity
from bridge.record.medications import Dosage
from bridge.record.nesting import is_nested_deeper

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
_NOT_RECORDED = frozenset({"no information available", "not recorded"})
_FILLER_LENGTH = 30
_DOSAGE_DEPTH = 32
"""Levels of a dosage that is passed on as sent: what is published must still be writable around it."""
_ONLY_TEXT = frozenset({"text", "_text", "patientInstruction", "sequence", "id"})
_WITHOUT_PLACE = 2**63
_DOSAGE_CHANGED = re.compile(r"warning\W+dosage has changed(?:.*?(\d{1,2}-[a-z]{3}-\d{4}))?", _FLAGS)


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


def dosages(item: Item, sent: object, path: str) -> list[Dosage]:
    """Dosages by their `sequence`, else as sent. Words first: no dose is ever read out of them (CS-074)."""
    if sent is None:
        return []
    found = [_dosage(item, each, path) for each in item.many(sent, path)]
    if len(found) > 1:
        found.sort(key=lambda each: each.get("sequence", _WITHOUT_PLACE))
    return found


def _dosage(item: Item, sent: JsonObject, path: str) -> Dosage:
    text = item.text(sent.get("text"), path)
    if text is not None and len(text) < _FILLER_LENGTH and text.strip(" .").lower() in _NOT_RECORDED:
        text = None
    rich = not _ONLY_TEXT.issuperset(sent)
    dosage: Dosage = {"recorded": text is not None}
    if text is not None:
        dosage["text"] = text
    elif (reason := _absent_reason(item, sent.get("_text"), path)) is not None:
        dosage["absent_reason"] = reason
        item.note("dosage_withheld", path)
    if "sequence" in sent and (place := item.whole_number(sent["sequence"], path)) is not None:
        dosage["sequence"] = place
    if (instruction := item.text(sent.get("patientInstruction"), path)) is not None:
        dosage["patient_instruction"] = instruction
    if rich and is_nested_deeper(sent, _DOSAGE_DEPTH):
        item.note("unreadable_element", path)
    elif rich:
        dosage["structured"] = with_digits(sent)
    return dosage


def _absent_reason(item: Item, sent: object, path: str) -> str | None:
    """What FHIR's data-absent-reason says in place of a text."""
    for extension in item.extensions(item.one(sent, path)).get("data-absent-reason", ()):
        return item.code(extension_value(extension), path)
    return None


def one_dosage(item: Item, sent: object, path: str) -> Dosage | None:
    """The dosage of a plan or issue. Several are steps of one: their words are joined, line by line."""
    found = dosages(item, sent, path)
    if len(found) < 2:  # noqa: PLR2004 - one or none
        return found[0] if found else None
    joined: Dosage = {
        "recorded": any(each["recorded"] for each in found),
        "structured": {"dosage": [each.get("structured") or _plain(each) for each in found]},
    }
    if texts := [each["text"] for each in found if "text" in each]:
        joined["text"] = "\n".join(texts)
    if instructions := [each["patient_instruction"] for each in found if "patient_instruction" in each]:
        joined["patient_instruction"] = "\n".join(instructions)
    for each in found:
        if "absent_reason" in each:
            joined["absent_reason"] = each["absent_reason"]
    return joined


def _plain(dosage: Dosage) -> JsonObject:
    """One of several dosages that says no more than words, as FHIR has it."""
    plain: JsonObject = {}
    if "sequence" in dosage:
        plain["sequence"] = dosage["sequence"]
    if "text" in dosage:
        plain["text"] = dosage["text"]
    if "patient_instruction" in dosage:
        plain["patientInstruction"] = dosage["patient_instruction"]
    return plain


def changed_dosage(dosage: list[Dosage]) -> tuple[bool, str | None]:
    """Whether the text carries the GP system's warning that the dosage changed, and the day (CS-080)."""
    for each in dosage:
        found = _DOSAGE_CHANGED.search(each.get("text", ""))
        if found:
            return True, iso_day(found[1]) if found[1] else None
    return False, None


def without_change_warning(text: str) -> str:
    """The dosage itself, without the warning that may follow it."""
    found = _DOSAGE_CHANGED.search(text)
    return (text[: found.start()] if found else text).strip()


def iso_day(written: str) -> str | None:
    """`01-Oct-2026` as `2026-10-01`; None when it is no day."""
    day, month, year = written.split("-")
    try:
        number = _MONTHS.index(month.lower()) + 1
        return datetime(int(year), number, int(day)).date().isoformat()  # noqa: DTZ001 - a day has no zone
    except ValueError:
        return None


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def quantity(item: Item, dispense: JsonObject) -> Quantity | None:
    """What is to be supplied. There is no default: a quantity that was not sent is not known.

    Up to 1.6.1 the text beside a number is its unit; from 1.6.2 a text stands alone and holds both.
    Suppliers put the text on the quantity or on the dispense request.
    """
    path = "dispenseRequest.quantity"
    sent = item.one(dispense.get("quantity"), path)
    result = simple_quantity(item, sent, path)
    for holder in (sent, dispense):
        if "extension" not in holder:
            continue
        for extension in item.extensions(holder).get("medicationquantitytext", ()):
            text = item.text(extension_value(extension), path)
            if text is not None:
                result["text"] = text
                if "value" in result and "unit" not in result and not text.lstrip()[0].isdigit():
                    result["unit"] = text
    return result or None


def supply_duration(item: Item, dispense: JsonObject) -> Quantity | None:
    """Days' supply of each issue."""
    sent = dispense.get("expectedSupplyDuration")
    if sent is None:
        return None
    path = "dispenseRequest.expectedSupplyDuration"
    return simple_quantity(item, item.one(sent, path), path) or None


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
    result: list[BusinessId] = []
    for sent in item.many(item.resource.get("identifier"), "identifier"):
        value = item.code(sent.get("value"), "identifier.value")
        if value is None:
            continue
        identifier: BusinessId = {"value": value}
        if (system := item.code(sent.get("system"), "identifier.system")) is not None:
            identifier["system"] = system
        if "use" in sent and (use := item.code(sent["use"], "identifier.use")) is not None:
            identifier["use"] = use
        result.append(identifier)
    return result


def period(item: Item, sent: object, path: str) -> tuple[PartialDate | None, PartialDate | None]:
    """Start and end of a Period."""
    if sent is None:
        return None, None
    found = item.one(sent, path)
    return item.date(found.get("start"), path), item.date(found.get("end"), path)
