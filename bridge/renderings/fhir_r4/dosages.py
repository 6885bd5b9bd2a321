"""How to take a medicine, in R4: words first, and what was sent in parts where it is what R4 means."""

from collections.abc import Mapping
from typing import Any, Final

from bridge.areas.medications.model import Dosage
from bridge.record import Quantity
from bridge.renderings.fhir_r4.common import Resource, absent, add_extension, own, quantity

_UNITS_OF_TIME: Final = frozenset({"s", "min", "h", "d", "wk", "mo", "a"})
_COUNTS: Final = ("count", "countMax", "frequency", "frequencyMax")
_AMOUNTS: Final = ("duration", "durationMax", "period", "periodMax")
_CONCEPTS: Final = ("site", "route", "method")


def dosage(sent: Dosage) -> Resource:
    """A Dosage. Where no words were sent, their place says why not."""
    found: Resource = {}
    if "sequence" in sent:
        found["sequence"] = sent["sequence"]
    if "text" in sent:
        found["text"] = sent["text"]
    else:
        reason = sent.get("absent_reason")
        found["_text"] = absent("masked" if reason == "masked" else "unknown")
        if reason not in (None, "masked", "unknown"):
            add_extension(found["_text"], own("absent-reason", valueString=reason))
    if "patient_instruction" in sent:
        found["patientInstruction"] = sent["patient_instruction"]
    structured = sent.get("structured")
    # Several steps of one dosage have their words joined: their parts apart would be read as one step.
    if structured is not None and "dosage" not in structured:
        found |= _parts(structured)
    return found


def _parts(sent: Mapping[str, Any]) -> Resource:
    """The parts of an STU3 Dosage that R4 has, and that are of the types it wants."""
    found: Resource = {}
    for name in _CONCEPTS:
        if (concept := _concept(sent.get(name))) is not None:
            found[name] = concept
    if instructions := _instructions(sent.get("additionalInstruction")):
        found["additionalInstruction"] = instructions
    if (timing := _timing(sent.get("timing"))) is not None:
        found["timing"] = timing
    if isinstance(sent.get("asNeededBoolean"), bool):
        found["asNeededBoolean"] = sent["asNeededBoolean"]
    elif (needed := _concept(sent.get("asNeededCodeableConcept"))) is not None:
        found["asNeededCodeableConcept"] = needed
    amounts: Resource = {}
    if (dose := _quantity(sent.get("doseQuantity"))) is not None:
        amounts["doseQuantity"] = dose
    if (rate := _quantity(sent.get("rateQuantity"))) is not None:
        amounts["rateQuantity"] = rate
    if amounts:
        found["doseAndRate"] = [amounts]
    return found


def _instructions(sent: object) -> list[Resource]:
    """All of them, or none: what is left of several may say the contrary."""
    if not isinstance(sent, list):
        return []
    read = [concept for each in sent if (concept := _concept(each)) is not None]
    return read if len(read) == len(sent) else []


def _concept(sent: object) -> Resource | None:
    """A CodeableConcept of texts alone."""
    if not isinstance(sent, dict):
        return None
    codings = sent.get("coding", [])
    if not isinstance(codings, list):
        return None
    found: Resource = {}
    read = [
        coding
        for each in codings
        if isinstance(each, dict) and (coding := _texts(each, ("system", "code", "display")))
    ]
    if read:
        found["coding"] = read
    found |= _texts(sent, ("text",))
    return found or None


def _texts(sent: Mapping[str, Any], names: tuple[str, ...]) -> Resource:
    return {name: sent[name] for name in names if isinstance(sent.get(name), str) and sent[name]}


def _quantity(sent: object) -> Resource | None:
    """A SimpleQuantity; one with a comparator is none, and would be read without it."""
    if not isinstance(sent, dict) or "comparator" in sent or not _is_number(sent.get("value")):
        return None
    amount: Quantity = {"value": sent["value"]}
    if isinstance(sent.get("value_as_sent"), str):
        amount["value_as_sent"] = sent["value_as_sent"]
    texts = _texts(sent, ("unit", "system", "code"))
    if "unit" in texts:
        amount["unit"] = texts["unit"]
    if "system" in texts and "code" in texts:
        amount["unit_system"], amount["unit_code"] = texts["system"], texts["code"]
    return quantity(amount)


def _timing(sent: object) -> Resource | None:
    """How often. With anything in it that is not known here it is left out: half of it is another timing."""
    if not isinstance(sent, dict) or not {"repeat", "code"}.issuperset(sent):
        return None
    found: Resource = {}
    if "code" in sent:
        code = _concept(sent["code"])
        if code is None:
            return None
        found["code"] = code
    repeat = sent.get("repeat")
    if repeat is None:
        return found or None
    if not isinstance(repeat, dict) or not all(_is_known(name, value) for name, value in repeat.items()):
        return None
    # R4: a period and a duration have their units (tim-1, tim-2).
    if ("period" in repeat) != ("periodUnit" in repeat) or ("duration" in repeat) != (
        "durationUnit" in repeat
    ):
        return None
    return {**found, "repeat": repeat}


def _is_known(name: str, value: object) -> bool:
    if name in _COUNTS:
        return type(value) is int and value > 0
    if name in _AMOUNTS:
        return _is_number(value)
    return name in ("periodUnit", "durationUnit") and value in _UNITS_OF_TIME


def _is_number(value: object) -> bool:
    return type(value) in (int, float)
