"""Of slots and appointments."""

import re
from collections.abc import Callable
from typing import Final

from bridge.sandbox import Call
from tests.assurance.pack import wire
from tests.assurance.pack.rules.rule import (
    WHOLE_DATE,
    Steps,
    each,
    has_profile,
    in_step,
    unremarked,
)
from tests.assurance.pack.simulated import StepRun


def _range(call: Call) -> bool:
    bounds = [wire.moment(value) for name in ("start", "end") for value in wire.values(call, name)]
    if len(bounds) != 2 or bounds[0] is None or bounds[1] is None:
        return False
    return 0 <= (bounds[1] - bounds[0]).days <= 14


def _once(name: str, prefix: str) -> Callable[[Call], bool]:
    def holds(call: Call) -> bool:
        found = wire.values(call, name)
        return len(found) == 1 and found[0].startswith(prefix)

    return holds


def _filters(call: Call) -> str:
    return " ".join(wire.values(call, "searchFilter"))


def _own_filter(step: StepRun, call: Call, earlier: Steps) -> bool:
    del earlier
    return f"|{step.request.data['requested_by']['organisation']['ods_code']}" in _filters(call)


def _earlier_operation(*wanted: str) -> Callable[[StepRun, Call, Steps], bool]:
    def holds(step: StepRun, call: Call, earlier: Steps) -> bool:
        same = [each for each in earlier if each.scenario == step.scenario]
        asked = [one for each in [*same, step] for one in wire.calls(each, *wanted)]
        return any(one.sequence < call.sequence and one.status == 200 for one in asked)

    return holds


def _actors(call: Call) -> list[str]:
    return [one.get("actor", {}).get("reference", "") for one in wire.body(call).get("participant", [])]


def _extensions(call: Call, name: str) -> list[wire.Json]:
    return [one for one in wire.body(call).get("extension", []) if name in one["url"]]


def _organisation(call: Call) -> wire.Json:
    found = [one for one in wire.body(call).get("contained", []) if one["resourceType"] == "Organization"]
    return found[0] if len(found) == 1 else {}


def _changed(step: StepRun, call: Call) -> set[str]:
    was, sent = wire.fetched(step, call) or {}, wire.body(call)
    return {name for name in was.keys() | sent.keys() if was.get(name) != sent.get(name)}


def _amends_words_alone(step: StepRun, call: Call, earlier: Steps) -> bool:
    del earlier
    return wire.fetched(step, call) is not None and _changed(step, call) <= {"description", "comment"}


def _cancels_alone(step: StepRun, call: Call, earlier: Steps) -> bool:
    del earlier
    return wire.fetched(step, call) is not None and _changed(step, call) <= {"status", "extension"}


def _was_fetched(step: StepRun, call: Call, earlier: Steps) -> bool:
    del earlier
    return wire.fetched(step, call) is not None


def _starts(call: Call) -> list[str]:
    return sorted(wire.values(call, "start"))


def _not_in_the_past(call: Call) -> bool:
    return all(value[2:] >= call.at.date().isoformat() for value in wire.values(call, "start"))


APPOINTMENTS: Final = (
    each("AP-002", "one start, with ge", _once("start", "ge"), "search_slots"),
    each("AP-003", "one end, with le", _once("end", "le"), "search_slots"),
    each(
        "AP-004",
        "whole dates, or date-times with their offset",
        lambda call: all(
            wire.moment(value) for name in ("start", "end") for value in wire.values(call, name)
        ),
        "search_slots",
    ),
    each("AP-005", "status=free", lambda call: wire.values(call, "status") == ["free"], "search_slots"),
    each(
        "AP-006",
        "_include=Slot:schedule",
        lambda call: "Slot:schedule" in wire.values(call, "_include"),
        "search_slots",
    ),
    each("AP-007", "two weeks at most", _range, "search_slots"),
    in_step("AP-008", "a filter with the own ODS code", _own_filter, "search_slots"),
    each(
        "AP-009",
        "a filter with a type of organisation of the value set",
        lambda call: bool(re.search(r"OrganisationType-1\|(gp-practice|urgent-care)", _filters(call))),
        "search_slots",
        when=lambda call: "OrganisationType" in _filters(call),
    ),
    each(
        "AP-010 AP-011",
        "what is included beside the slots is asked for by _include:recurse",
        lambda call: "Location:managingOrganization" in wire.values(call, "_include:recurse"),
        "search_slots",
    ),
    in_step("AP-031", "free slots were found before", _earlier_operation("search_slots"), "book"),
    in_step(
        "AP-032 FN-005 AP-091",
        "the logical id of the patient was found by Find patient",
        _earlier_operation("find_patient"),
        "book",
        "patient_appointments",
    ),
    each(
        "AP-033",
        "the slot lies ahead",
        lambda call: str(wire.body(call).get("start"))[:16] > call.at.isoformat()[:16],
        "book",
    ),
    each(
        "AP-036 AP-037",
        "the profile is named, and the practice, which checks it, took the Appointment",
        lambda call: has_profile(call) and "not a valid" not in (call.refused or ""),
        "book",
    ),
    each(
        "AP-038",
        "a Patient participant",
        lambda call: any(one.startswith("Patient/") for one in _actors(call)),
        "book",
    ),
    each(
        "AP-039",
        "a Location participant",
        lambda call: any(one.startswith("Location/") for one in _actors(call)),
        "book",
    ),
    each(
        "AP-040",
        "an actor in each participant",
        lambda call: bool(_actors(call)) and all(_actors(call)),
        "book",
    ),
    each(
        "AP-041",
        "start and end",
        lambda call: bool(wire.body(call).get("start") and wire.body(call).get("end")),
        "book",
    ),
    each("AP-042", "status booked", lambda call: wire.body(call).get("status") == "booked", "book"),
    each("AP-043", "one slot at least", lambda call: bool(wire.body(call).get("slot")), "book"),
    each(
        "AP-044",
        "bookingOrganisation leads to a contained Organization",
        lambda call: len(_extensions(call, "BookingOrganisation")) == 1 and bool(_organisation(call)),
        "book",
    ),
    each("AP-045", "the booking organisation is the one that asks", unremarked("AP-045"), "book"),
    each(
        "AP-046 AP-047",
        "its ODS code, name and telecom",
        lambda call: bool(
            wire.identifiers(_organisation(call))
            and _organisation(call).get("name")
            and _organisation(call).get("telecom")
        ),
        "book",
    ),
    each("AP-048", "its type is that of the search", unremarked("AP-048"), "book"),
    each("AP-049", "created", lambda call: bool(wire.body(call).get("created")), "book"),
    each(
        "AP-050",
        "a description of at most 100 characters",
        lambda call: 0 < len(wire.body(call).get("description", "")) <= 100,
        "book",
    ),
    each(
        "AP-053",
        "a comment of at most 500 characters, if any",
        lambda call: len(wire.body(call).get("comment", "")) <= 500,
        "book",
    ),
    each(
        "AP-055 AP-056 AP-057",
        "no reason, no specialty, no reason of a cancellation",
        lambda call: (
            not wire.body(call).keys() & {"reason", "specialty"}
            and not _extensions(call, "CancellationReason")
        ),
        "book",
    ),
    in_step(
        "AP-070 AP-080", "the appointment was fetched before it is changed", _was_fetched, "amend", "cancel"
    ),
    in_step(
        "AP-071 AP-077",
        "what is sent is what was fetched, but for description and comment",
        _amends_words_alone,
        "amend",
    ),
    each(
        "AP-074 AP-085",
        'If-Match with a version, as W/"version"',
        lambda call: wire.headers(call).get("if-match", "").startswith('W/"'),
        "amend",
        "cancel",
    ),
    each("AP-075 AP-086", "meta.profile", has_profile, "amend", "cancel"),
    each(
        "AP-076",
        "the limits of 100 and 500 characters",
        lambda call: (
            len(wire.body(call).get("description", "")) <= 100
            and len(wire.body(call).get("comment", "")) <= 500
        ),
        "amend",
    ),
    each(
        "AP-078",
        "no reason of a cancellation",
        lambda call: not _extensions(call, "CancellationReason"),
        "amend",
    ),
    each("AP-082", "status cancelled", lambda call: wire.body(call).get("status") == "cancelled", "cancel"),
    each(
        "AP-083",
        "a reason",
        lambda call: any(one.get("valueString") for one in _extensions(call, "CancellationReason")),
        "cancel",
    ),
    in_step(
        "AP-084 AP-087",
        "what is sent is what was fetched, but for status and reason",
        _cancels_alone,
        "cancel",
    ),
    each(
        "AP-092 AP-093",
        "two start parameters, one ge and one le",
        lambda call: [value[:2] for value in _starts(call)] == ["ge", "le"],
        "patient_appointments",
    ),
    each(
        "AP-094",
        "whole dates",
        lambda call: all(WHOLE_DATE.fullmatch(value[2:]) for value in _starts(call)),
        "patient_appointments",
    ),
    each("AP-095", "no part of the range in the past", _not_in_the_past, "patient_appointments"),
)
