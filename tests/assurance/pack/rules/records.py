"""Of the structured record and the HTML record."""

from collections.abc import Iterator
from typing import Final

from bridge.sandbox import BY_NAME, Call
from bridge.sandbox.people import Trace
from tests.assurance.pack import wire
from tests.assurance.pack.rules.rule import WHOLE_DATE, Rule, Steps, each, never_called
from tests.assurance.pack.simulated import StepRun


def _of_the_dead(step: StepRun, earlier: Steps) -> Iterator[bool]:
    del earlier
    if BY_NAME[step.scenario].trace is Trace.DECEASED and step.request.accepts == "record.requested.v1":
        yield not any(call.upstream in ("proxy", "practice") for call in step.calls)


def _current_number(step: StepRun, earlier: Steps) -> Iterator[bool]:
    del earlier
    scenario = BY_NAME[step.scenario]
    if scenario.now:
        yield from (call.nhs_number == scenario.now for call in wire.calls(step))


def _one_patient(call: Call) -> bool:
    sent = wire.parameters(call)
    allergies = sent.get("includeAllergies", [])
    resolved = all(
        any(part["name"] == "includeResolvedAllergies" for part in one.get("part", [])) for one in allergies
    )
    return len(sent.get("patientNHSNumber", [])) == 1 and resolved


def _parts(call: Call, area: str) -> list[str]:
    return [part["name"] for one in wire.parameters(call).get(area, []) for part in one.get("part", [])]


def _section(call: Call) -> str:
    found = wire.parameters(call).get("recordSection", [])
    return str(found[0]["valueCodeableConcept"]["coding"][0]["code"]) if len(found) == 1 else ""


RECORDS: Final = (
    # Structured record
    Rule(("CS-007",), "a superseded number is replaced by the current one", _current_number),
    never_called("CS-008", "of a number that PDS marks invalid no practice is asked", Trace.INVALIDATED),
    Rule(("CS-009",), "of a patient who died no practice is asked for the structured record", _of_the_dead),
    never_called("CS-010", "of a number that PDS does not know no practice is asked", Trace.NOT_FOUND),
    each(
        "CS-020",
        "patientNHSNumber once; includeResolvedAllergies with includeAllergies",
        _one_patient,
        "structured_record",
    ),
    each(
        "CS-021",
        "every date is whole",
        lambda call: all(WHOLE_DATE.fullmatch(text) for text in wire.whole_dates(wire.body(call))),
        "structured_record",
    ),
    each(
        "CS-022 CS-023 CS-024",
        "the practice, which refuses forbidden combinations, refused none",
        lambda call: "combined" not in (call.refused or "") and "exclude" not in (call.refused or ""),
        "structured_record",
    ),
    each(
        "CS-026",
        "includePrescriptionIssues is stated",
        lambda call: "includePrescriptionIssues" in _parts(call, "includeMedication"),
        "structured_record",
        when=lambda call: "includeMedication" in wire.parameters(call),
    ),
    each(
        "CS-029",
        "the capability statement of the structured record alone is never asked for",
        lambda call: wire.operation(call) != "structured_metadata",
    ),
    each(
        "CS-032",
        "no call of the migration operations",
        lambda call: "migrate" not in (call.interaction or ""),
    ),
    # HTML record
    each(
        "HT-007",
        "patientNHSNumber once",
        lambda call: len(wire.parameters(call).get("patientNHSNumber", [])) == 1,
        "care_record",
    ),
    each(
        "HT-008 HT-010",
        "one section of the value set",
        lambda call: _section(call) in {"SUM", "ENC", "CLI", "PRB", "ALL", "MED", "REF", "OBS", "IMM", "ADM"},
        "care_record",
    ),
    each(
        "HT-009",
        "no period for a section that takes none",
        lambda call: "timePeriod" not in wire.parameters(call),
        "care_record",
        when=lambda call: _section(call) in {"SUM", "ALL", "IMM"},
    ),
)
