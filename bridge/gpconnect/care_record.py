"""`$gpc.getcarerecord` (Access Record HTML, 0.7.4, FHIR DSTU2): the request, and what must hold before it.

Source: Access Record HTML digest §1 to §3. `fhir.resources` has no DSTU2 any more, and this body is the
only one that is sent, so it is written out here.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from bridge.errors import FailureCode, Refused, RequestRejected
from bridge.fhir.parameters import DayPeriod
from bridge.record.sections import SECTIONS, SectionCode
from bridge.spine.pds import TracedPatient

NHS_NUMBER_SYSTEM: Final = "http://fhir.nhs.net/Id/nhs-number"
SECTION_SYSTEM: Final = "http://fhir.nhs.net/ValueSet/gpconnect-record-section-1"

_OLDEST_TRACE: Final = timedelta(hours=24)


def care_record_parameters(nhs_number: str, section: SectionCode, period: DayPeriod | None = None) -> bytes:
    """The body of a request for one section: there is no way to ask for two (HT-010).

    Args:
        nhs_number: the current one.
        section: from the value set, in upper case (HT-008).
        period: whole days, both included; only for a section that takes one.

    Raises:
        RequestRejected: the section takes no period (HT-009), or the period is none.
    """
    identifier = {"system": NHS_NUMBER_SYSTEM, "value": nhs_number}
    code = {"coding": [{"system": SECTION_SYSTEM, "code": section}]}
    parameter: list[dict[str, Any]] = [
        {"name": "patientNHSNumber", "valueIdentifier": identifier},  # HT-007
        {"name": "recordSection", "valueCodeableConcept": code},
    ]
    if period is not None:
        _check_period(section, period)
        bounds = {"start": period.start, "end": period.end}
        value = {name: bound.isoformat() for name, bound in bounds.items() if bound}
        parameter.append({"name": "timePeriod", "valuePeriod": value})
    return orjson.dumps({"resourceType": "Parameters", "parameter": parameter})


def _check_period(section: SectionCode, period: DayPeriod) -> None:
    where = f"sections.{section}.period"
    if not SECTIONS[section].takes_period:
        raise RequestRejected(where, "this section takes no period")
    if period.start is None and period.end is None:
        raise RequestRejected(where, "must have a start or an end")
    if period.start and period.end and period.start > period.end:
        raise RequestRejected(where, "must not start after its end")


def check_trace(patient: TracedPatient) -> None:
    """Hold a call to the age its trace may have (HT-003, SP-003).

    Raises:
        Refused: the patient was traced more than 24 hours ago.
    """
    if datetime.now(UTC) - datetime.fromisoformat(patient.traced_at) > _OLDEST_TRACE:
        raise Refused(FailureCode.INTERNAL, stage="pds", detail="trace_too_old")
