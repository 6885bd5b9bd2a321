"""Concepts and dates in the data types of HL7 v2."""

from datetime import datetime
from typing import Final

from bridge.hl7v2 import ComponentValue, timestamp
from bridge.record.common import CodedText, PartialDate

CODING_SYSTEM: Final = "SCT"
"""SNOMED CT, dm+d included, as table 0396 names it."""

_CHARACTERS: Final = {
    "year": len("2004"),
    "month": len("2004-05"),
    "day": len("2004-05-06"),
    "instant": len("2004-05-06"),
}
"""By precision; of what is no date none."""


def coded(concept: CodedText) -> tuple[ComponentValue, ...]:
    """A concept (CE): code, words and coding system; the words alone where the code has no meaning.

    A degraded or local code would be looked up by whoever reads it, and find nothing or the wrong thing.
    """
    if concept["coding_quality"] == "coded" and "concept_id" in concept:
        return (concept["concept_id"], concept["term"], CODING_SYSTEM)
    return ("", concept["term"])


def moment_of(rfc3339: str) -> str:
    """A point in time (TS) with its zone."""
    return timestamp(datetime.fromisoformat(rfc3339))


def date_of(when: PartialDate | None) -> str:
    """A date (DT) as precise as it is known; empty where it cannot be told."""
    if when is None:
        return ""
    return when["value"][: _CHARACTERS.get(when["precision"], 0)].replace("-", "")
