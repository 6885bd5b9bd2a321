"""Dosages, and what is to be supplied."""

import re
from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

from bridge.areas.medications.model import Dosage
from bridge.fhir.digits import with_digits
from bridge.fhir.read import Item, JsonObject, extension_value
from bridge.mapping.values import iso_day, simple_quantity
from bridge.record.common import Quantity
from bridge.record.nesting import is_nested_deeper


class Supply(TypedDict):
    """What is supplied with each issue, and how to take it; to be taken over, and never changed."""

    quantity: NotRequired[Quantity]
    supply_duration: NotRequired[Quantity]
    dosage: NotRequired[Dosage]


_FLAGS = re.IGNORECASE | re.DOTALL
_NOT_RECORDED = frozenset({"no information available", "not recorded"})
_FILLER_LENGTH = 30
_DOSAGE_DEPTH = 32
"""Levels of a dosage that is passed on as sent: what is published must still be writable around it."""
_ONLY_TEXT = frozenset({"text", "_text", "patientInstruction", "sequence", "id"})
_WITHOUT_PLACE = 2**63
_DOSAGE_CHANGED = re.compile(r"warning\W+dosage has changed(?:.*?(\d{1,2}-[a-z]{3}-\d{4}))?", _FLAGS)


def dosages(item: Item, sent: object, path: str) -> list[Dosage]:
    """Dosages by their `sequence`, else as sent. Words first: no dose is ever read out of them (CS-074)."""
    if sent is None:
        return []
    each_sent = item.many(sent, path)
    if len(each_sent) == 1:
        return [_dosage(item, each_sent[0], path)]
    found = [_dosage(item, each, path) for each in each_sent]
    found.sort(key=lambda each: each.get("sequence", _WITHOUT_PLACE))
    return found


def _dosage(item: Item, sent: JsonObject, path: str) -> Dosage:
    text = item.text(sent.get("text"), path)
    if text is not None and len(text) < _FILLER_LENGTH and text.strip(" .").lower() in _NOT_RECORDED:
        text = None
    dosage: Dosage = {"recorded": text is not None}
    if text is not None:
        dosage["text"] = text
        if len(sent) == 1:  # words alone, as most are
            return dosage
    elif (reason := _absent_reason(item, sent.get("_text"), path)) is not None:
        dosage["absent_reason"] = reason
        item.note("dosage_withheld", path)
    if "sequence" in sent and (place := item.whole_number(sent["sequence"], path)) is not None:
        dosage["sequence"] = place
    if (
        "patientInstruction" in sent
        and (instruction := item.text(sent["patientInstruction"], path)) is not None
    ):
        dosage["patient_instruction"] = instruction
    if not _ONLY_TEXT.issuperset(sent):
        if is_nested_deeper(sent, _DOSAGE_DEPTH):
            item.note("unreadable_element", path)
        else:
            dosage["structured"] = with_digits(sent)
    return dosage


def _absent_reason(item: Item, sent: object, path: str) -> str | None:
    """What FHIR's data-absent-reason says in place of a text."""
    for extension in item.extensions(item.one(sent, path)).get("data-absent-reason", ()):
        return item.code(extension_value(extension), path)
    return None


def _one_dosage(item: Item, sent: object, path: str) -> Dosage | None:
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


def supply(item: Item, dispense: JsonObject) -> Supply:
    """What is supplied with each issue, and how it is taken; as most of a plan say the same, all at once."""
    sent = (
        dispense.get("quantity"),
        dispense.get("extension"),
        dispense.get("expectedSupplyDuration"),
        item.resource.get("dosageInstruction"),
    )
    return item.once(_supply, sent, "dispenseRequest")


def _supply(item: Item, sent: Sequence[Any], path: str) -> Supply:
    amount, extension, duration, instructions = sent
    result: Supply = {}
    if found := _quantity(item, amount, extension, f"{path}.quantity"):
        result["quantity"] = found
    if found := _duration(item, duration, f"{path}.expectedSupplyDuration"):
        result["supply_duration"] = found
    if (dosage := _one_dosage(item, instructions, "dosageInstruction")) is not None:
        result["dosage"] = dosage
    return result


def _quantity(item: Item, sent: object, extension: object, path: str) -> Quantity:
    """What is to be supplied. There is no default: a quantity that was not sent is not known.

    Up to 1.6.1 the text beside a number is its unit; from 1.6.2 a text stands alone and holds both.
    Suppliers put the text on the quantity or on the dispense request, whose `extension` is given.
    """
    holder = item.one(sent, path)
    result = simple_quantity(item, holder, path)
    for each in (holder, {"extension": extension}):
        _add_text(item, result, each, path)
    return result


def _add_text(item: Item, quantity: Quantity, holder: JsonObject, path: str) -> None:
    for extension in item.extensions(holder).get("medicationquantitytext", ()):
        text = item.text(extension_value(extension), path)
        if text is not None:
            quantity["text"] = text
            if "value" in quantity and "unit" not in quantity and not text.lstrip()[0].isdigit():
                quantity["unit"] = text


def _duration(item: Item, sent: object, path: str) -> Quantity:
    """Days' supply of each issue."""
    return simple_quantity(item, item.one(sent, path), path)
