"""The Parameters of ``$gpc.getcarerecord``, rule by rule (carerecord_html.md §1 to §3, §6)."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from bridge.record.nhs_number import is_valid_nhs_number
from bridge.sandbox.outcomes import Refusal

Json = dict[str, Any]

NHS_NUMBER = "http://fhir.nhs.net/Id/nhs-number"
SECTION = "http://fhir.nhs.net/ValueSet/gpconnect-record-section-1"
CODES = ("SUM", "ENC", "CLI", "PRB", "ALL", "MED", "REF", "OBS", "IMM", "ADM")
_WITHOUT_PERIOD = {"SUM", "ALL", "IMM"}
_FULL_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class SectionQuery:
    """What was asked, once it is known to be in order. Bounds are included; None is open."""

    nhs_number: str
    section: str
    start: date | None = None
    end: date | None = None

    @property
    def is_filtered(self) -> bool:
        """Whether a period was sent."""
        return self.start is not None or self.end is not None

    def holds(self, day: date | None) -> bool:
        """Whether something of that day is in the period; without a day it always is."""
        if day is None:
            return True
        return (self.start is None or day >= self.start) and (self.end is None or day <= self.end)


def read_section_query(body: Any, *, period_status: int) -> SectionQuery:
    """The query in a body.

    Args:
        body: JSON, parsed.
        period_status: with which status a period is refused where none may be: the pages say 400, the table
            of error codes 422.

    Raises:
        Refusal: naming the first rule that is broken.
    """
    if not isinstance(body, dict) or body.get("resourceType") != "Parameters":
        raise Refusal("BAD_REQUEST", "the body must be Parameters")
    sent = body.get("parameter")
    if not isinstance(sent, list) or not all(isinstance(one, dict) for one in sent):
        raise Refusal("INVALID_RESOURCE", "Parameters must hold a list of parameters")
    number = _nhs_number(_only(sent, "patientNHSNumber"))
    section = _section(_only(sent, "recordSection"))
    periods = [one for one in sent if one.get("name") == "timePeriod"]
    if not periods:
        return SectionQuery(number, section)
    if section in _WITHOUT_PERIOD:
        code = "BAD_REQUEST" if period_status == 400 else "INVALID_PARAMETER"  # noqa: PLR2004 - an HTTP status
        raise Refusal(code, f"section {section} takes no timePeriod")
    return SectionQuery(number, section, *_period(_only(sent, "timePeriod")))


def _only(sent: list[Json], name: str) -> Json:
    found = [one for one in sent if one.get("name") == name]
    if len(found) != 1:
        raise Refusal("INVALID_PARAMETER", f"{name} must stand once")
    return found[0]


def _nhs_number(parameter: Json) -> str:
    identifier = parameter.get("valueIdentifier")
    if not isinstance(identifier, dict):
        raise Refusal("INVALID_RESOURCE", "patientNHSNumber needs a valueIdentifier")
    if identifier.get("system") != NHS_NUMBER:
        raise Refusal("INVALID_IDENTIFIER_SYSTEM", "patientNHSNumber has the wrong system")
    value = identifier.get("value")
    if not isinstance(value, str) or not is_valid_nhs_number(value):
        raise Refusal("INVALID_NHS_NUMBER", "patientNHSNumber fails the check of an NHS number")
    return value


def _section(parameter: Json) -> str:
    concept = parameter.get("valueCodeableConcept")
    codings = concept.get("coding") if isinstance(concept, dict) else None
    coding = codings[0] if isinstance(codings, list) and len(codings) == 1 else None
    if not isinstance(coding, dict) or coding.get("system") != SECTION:
        raise Refusal("INVALID_PARAMETER", "recordSection needs one coding of its value set")
    if coding.get("code") not in CODES:
        raise Refusal("INVALID_PARAMETER", "recordSection is none of the sections, in upper case")
    return str(coding["code"])


def _period(parameter: Json) -> tuple[date | None, date | None]:
    period = parameter.get("valuePeriod")
    if not isinstance(period, dict) or not period.keys() & {"start", "end"}:
        raise Refusal("INVALID_PARAMETER", "timePeriod needs a start or an end")
    start, end = (_day(period[name]) if name in period else None for name in ("start", "end"))
    if start and end and start > end:
        raise Refusal("INVALID_PARAMETER", "timePeriod starts after its end")
    return start, end


def _day(value: Any) -> date:
    if not isinstance(value, str) or not _FULL_DATE.fullmatch(value):
        raise Refusal("INVALID_PARAMETER", "timePeriod needs whole dates")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise Refusal("INVALID_PARAMETER", "timePeriod names a day that is none") from None
