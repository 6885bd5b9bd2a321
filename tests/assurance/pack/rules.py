"""What the simulator can tell of a consumer's duties: for each, how it is seen on the wire, and whether it was kept."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from bridge.sandbox import BY_NAME, Call
from bridge.sandbox.people import Trace
from bridge.sandbox.spine.interactions import BY_INTERACTION
from tests.assurance.pack import wire
from tests.assurance.pack.simulated import StepRun

Steps = Sequence[StepRun]
Judge = Callable[[StepRun, Steps], Iterable[bool]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that can be seen.

    Attributes:
        duties: ids that it is about.
        how: how it is seen, in words.
        judge: of a step, with those before it: for each time that it was seen, whether it was kept.
    """

    duties: tuple[str, ...]
    how: str
    judge: Judge


def _each(
    duties: str,
    how: str,
    holds: Callable[[Call], bool],
    *operations: str,
    when: Callable[[Call], bool] | None = None,
) -> Rule:
    """Of every call of these operations, or of all, that reached a practice."""

    def judge(step: StepRun, earlier: Steps) -> Iterator[bool]:
        del earlier
        for call in wire.calls(step, *operations):
            if when is None or when(call):
                yield holds(call)

    return Rule(tuple(duties.split()), how, judge)


def _in_step(duties: str, how: str, holds: Callable[[StepRun, Call, Steps], bool], *operations: str) -> Rule:
    """The same, looking at what went before."""

    def judge(step: StepRun, earlier: Steps) -> Iterator[bool]:
        for call in wire.calls(step, *operations):
            yield holds(step, call, earlier)

    return Rule(tuple(duties.split()), how, judge)


def _never_called(duties: str, how: str, *states: Trace) -> Rule:
    """Of patients whom PDS marks so: no practice may be asked."""

    def judge(step: StepRun, earlier: Steps) -> Iterator[bool]:
        del earlier
        if BY_NAME[step.scenario].trace in states:
            yield not any(call.upstream in ("proxy", "practice") for call in step.calls)

    return Rule(tuple(duties.split()), how, judge)


def _of_the_dead(step: StepRun, earlier: Steps) -> Iterator[bool]:
    del earlier
    if BY_NAME[step.scenario].trace is Trace.DECEASED and step.request.accepts == "record.requested.v1":
        yield not any(call.upstream in ("proxy", "practice") for call in step.calls)


def _has_headers(call: Call) -> bool:
    sent = wire.headers(call)
    names = ("ssp-traceid", "ssp-from", "ssp-to", "ssp-interactionid")
    return all(sent.get(name) for name in names) and bool(wire.operation(call))


def _unremarked(rule: str) -> Callable[[Call], bool]:
    return lambda call: not any(remark.startswith(rule) for remark in call.remarks)


def _claim(name: str) -> Callable[[Call], object]:
    return lambda call: (call.claims or {}).get(name)


_CLAIMS: Final = (
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "reason_for_request",
    "requested_scope",
    "requesting_device",
    "requesting_organization",
    "requesting_practitioner",
)
_IN_URL: Final = re.compile(r"[A-Za-z0-9\-._~:/?@!$&'()*+,;=%]*")

_WHOLE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def _person(call: Call) -> dict[str, object]:
    return dict((call.claims or {}).get("requesting_practitioner") or {})


def _is_the_user(step: StepRun, call: Call, earlier: Steps) -> bool:
    del earlier
    user = step.request.data["requested_by"]
    return user["family_name"] in str(_person(call)) and user["user_id"] in str(_person(call))


def _is_the_organisation(step: StepRun, call: Call, earlier: Steps) -> bool:
    del earlier
    organisation = step.request.data["requested_by"]["organisation"]
    claimed = (call.claims or {}).get("requesting_organization") or {}
    return (
        organisation["ods_code"] in wire.identifiers(claimed).values()
        and claimed.get("name") == organisation["name"]
    )


def _was_traced(step: StepRun, call: Call, earlier: Steps) -> bool:
    del earlier
    return any(one.status == 200 for one in wire.before(step, call, "pds"))


def _was_looked_up(step: StepRun, call: Call, earlier: Steps) -> bool:
    asked = [one for each in [*earlier, step] if each.scenario == step.scenario for one in each.calls]
    return any(
        one.upstream == "sds" and one.interaction == call.interaction and one.practice == call.practice
        for one in asked
        if one.sequence < call.sequence
    )


def _came_by_the_proxy(step: StepRun, call: Call, earlier: Steps) -> bool:
    del earlier
    return any(one.trace_id == call.trace_id for one in wire.before(step, call, "proxy"))


def _is_the_registered_practice(step: StepRun, call: Call, earlier: Steps) -> bool:
    del earlier
    return call.practice == BY_NAME[step.scenario].practice.ods


def _audience(call: Call) -> bool:
    audience = str((call.claims or {}).get("aud", ""))
    known = BY_INTERACTION[call.interaction or ""]
    if known.is_version_0:
        return audience == "https://authorize.fhir.nhs.net/token"
    target = call.exchange.target if call.exchange else ""
    return target.startswith(urlsplit(audience).path + "/") and audience.endswith(known.root)


def _scope(call: Call) -> bool:
    return (
        BY_INTERACTION[call.interaction or ""].scope
        in str((call.claims or {}).get("requested_scope", "")).split()
    )


def _device(call: Call) -> bool:
    device = (call.claims or {}).get("requesting_device") or {}
    return bool(wire.identifiers(device) and device.get("model") and device.get("version"))


def _is_addressed_as_sds_says(step: StepRun, earlier: Steps) -> Iterator[bool]:
    told = {
        entry["resource"]["address"]
        for each in [*earlier, step]
        if each.scenario == step.scenario
        for call in each.calls
        if call.upstream == "sds"
        for entry in wire.answer(call).get("entry", [])
        if entry["resource"].get("address")
    }
    for call in step.calls:
        if call.upstream == "proxy" and call.exchange:
            yield any(call.exchange.target.removeprefix("/").startswith(f"{address}/") for address in told)


def _endpoint_then_device(step: StepRun, earlier: Steps) -> Iterator[bool]:
    del earlier
    kinds = [
        call.exchange.target.rpartition("/")[2]
        for call in step.calls
        if call.upstream == "sds" and call.exchange and call.practice == BY_NAME[step.scenario].practice.ods
    ]
    if "Device" in kinds:
        yield "Endpoint" in kinds[: kinds.index("Device")]


def _own_asid(step: StepRun, earlier: Steps) -> Iterator[bool]:
    del earlier
    own = step.request.data["requested_by"]["organisation"]["ods_code"]
    for call in step.calls:
        if call.upstream == "sds" and call.practice == own:
            yield bool(wire.values(call, "manufacturing-organization"))


def _few_tries(step: StepRun, earlier: Steps) -> Iterator[bool]:
    del earlier
    tries = sum(
        1
        for call in step.calls
        if call.upstream == "proxy" and "structuredrecord" in (call.interaction or "")
    )
    if tries > 1:
        yield tries <= 4


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


def _profile(call: Call) -> bool:
    return bool(wire.body(call).get("meta", {}).get("profile"))


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


def _registered(call: Call) -> wire.Json:
    found = wire.parameters(call).get("registerPatient", [])
    return dict(found[0]["resource"]) if len(found) == 1 else {}


def _official(call: Call) -> list[wire.Json]:
    return [one for one in _registered(call).get("name", []) if one.get("use") == "official"]


def _patient_search(call: Call) -> bool:
    raw = call.exchange.query if call.exchange else ""
    sent = wire.values(call, "identifier")
    return len(sent) == 1 and sent[0].startswith("https://fhir.nhs.uk/Id/nhs-number|") and "|" not in raw


def _section(call: Call) -> str:
    found = wire.parameters(call).get("recordSection", [])
    return str(found[0]["valueCodeableConcept"]["coding"][0]["code"]) if len(found) == 1 else ""


def _starts(call: Call) -> list[str]:
    return sorted(wire.values(call, "start"))


def _not_in_the_past(call: Call) -> bool:
    return all(value[2:] >= call.at.date().isoformat() for value in wire.values(call, "start"))


_OF_PATIENT: Final = sorted(wire.OF_A_PATIENT)
_OF_RECORD: Final = ("structured_record", "care_record")
_FOUNDATIONS: Final = (
    "metadata",
    "find_patient",
    "read_patient",
    "register_patient",
    "read_location",
    "find_organisation",
    "read_organisation",
)
_FIELDS_OF_REGISTRATION: Final = {
    "resourceType", "meta", "identifier", "name", "telecom", "gender", "birthDate", "address", "extension",
}  # fmt: skip

RULES: Final = (
    # Spine: directories, proxy, tokens
    _in_step(
        "SP-002 CS-002 HT-002 AP-030 FN-002 DO-002",
        "before a call about a patient PDS was asked, in the same request, and answered",
        _was_traced,
        *_OF_PATIENT,
    ),
    _in_step(
        "SP-004 SP-041 CS-005 HT-004",
        "the practice asked for a record is the one that PDS names",
        _is_the_registered_practice,
        *_OF_RECORD,
    ),
    _never_called(
        "SP-005 CS-006 HT-019 AP-104",
        "of a patient whom PDS marks as sensitive no practice is asked",
        Trace.RESTRICTED,
    ),
    _in_step(
        "SP-016 CS-001 AP-001 FN-001 DO-001 HT-001",
        "before a call SDS was asked for this practice and this interaction, for the same encounter",
        _was_looked_up,
    ),
    Rule(
        ("SP-010", "SP-011", "SP-012"),
        "SDS is asked for the endpoint of a practice before its ASID",
        _endpoint_then_device,
    ),
    Rule(("SP-018",), "the own ASID is looked up by manufacturer too", _own_asid),
    _in_step(
        "SP-030 SP-039",
        "every call of a practice came through the proxy, with the same trace id",
        _came_by_the_proxy,
    ),
    Rule(
        ("SP-031",),
        "what stands behind the proxy's address begins with the address that SDS told, byte for byte",
        _is_addressed_as_sds_says,
    ),
    _each(
        "SP-032",
        "four Ssp headers, and a trace id that was never used before",
        lambda call: _has_headers(call) and _unremarked("SP-032")(call),
    ),
    _each(
        "CS-019", "four Ssp headers, with the interaction of the operation", _has_headers, "structured_record"
    ),
    _each("HT-006", "four Ssp headers, with the interaction of the operation", _has_headers, "care_record"),
    _each(
        "AP-020", "four Ssp headers, with the interaction of the operation", _has_headers, *sorted(wire.DIARY)
    ),
    _each("FN-012", "four Ssp headers, with the interaction of the operation", _has_headers, *_FOUNDATIONS),
    _each(
        "DO-006",
        "four Ssp headers, with the interaction of the operation",
        _has_headers,
        *sorted(wire.DOCUMENTS),
    ),
    _each("SP-033", "Ssp-From is the ASID of the organisation in the token", _unremarked("SP-033")),
    _each(
        "SP-034",
        "the address holds only what RFC 3986 allows",
        lambda call: bool(
            call.exchange and _IN_URL.fullmatch(call.exchange.target + "?" + call.exchange.query)
        ),
    ),
    Rule(("SP-037",), "at most three further tries of a call that failed", _few_tries),
    _each("SP-040", "GET, POST or PUT", lambda call: call.method in {"GET", "POST", "PUT"}),
    _each(
        "SP-060",
        "a bearer token on every call",
        lambda call: wire.headers(call).get("authorization", "").startswith("Bearer "),
    ),
    _each("SP-061 CS-016", "a token that was never used before", _unremarked("SP-061")),
    _each(
        "SP-062",
        "three parts, alg none, an empty signature",
        lambda call: wire.token(call)[0].get("alg") == "none" and wire.token(call)[1] == "",
    ),
    _each("SP-063", "every claim that is listed", lambda call: all(_claim(name)(call) for name in _CLAIMS)),
    _each(
        "SP-065",
        "sub is the id of the practitioner",
        lambda call: _claim("sub")(call) == _person(call).get("id"),
    ),
    _each("SP-066", "aud is the service root that is called (version 0: the fixed address)", _audience),
    _each(
        "SP-067",
        "exp is iat and 300 seconds, both whole",
        lambda call: (call.claims or {}).get("exp", 0) - (call.claims or {}).get("iat", 0) == 300,
    ),
    _each(
        "SP-068",
        "reason_for_request is directcare",
        lambda call: _claim("reason_for_request")(call) == "directcare",
    ),
    _each("SP-069", "requested_scope is that of the operation", _scope),
    _each(
        "SP-070", "never the scope conf/R", lambda call: "conf/R" not in str(_claim("requested_scope")(call))
    ),
    _each("SP-071", "the device has identifier, model and version", _device),
    _in_step("SP-072", "name and ODS code of the organisation that the request names", _is_the_organisation),
    _in_step(
        "SP-073 SP-077",
        "name and identifier of the user that the request names, never a fixed one",
        _is_the_user,
    ),
    _each(
        "SP-074 SP-078",
        "an SDS user id, or UNK",
        lambda call: any("sds-user-id" in system for system in wire.identifiers(_person(call))),
    ),
    _each(
        "SP-075",
        "an SDS role profile id, or UNK",
        _unremarked("SP-075"),
        when=lambda call: wire.operation(call) != "care_record",
    ),
    _each("SP-076", "a local identifier of the user", _unremarked("SP-076")),
    _each("SP-079", "an SDS job role, or UNK", _unremarked("SP-079"), "care_record"),
    _each(
        "SP-091", "a charset in Content-Type", _unremarked("SP-091"), when=lambda call: call.method != "GET"
    ),
    _each(
        "SP-092 CS-031",
        "gzip is accepted",
        lambda call: "gzip" in wire.headers(call).get("accept-encoding", ""),
    ),
    _each(
        "SP-093",
        'If-Match with a version, as W/"version"',
        lambda call: wire.headers(call).get("if-match", "").startswith('W/"'),
        "amend",
        "cancel",
    ),
    _each("SP-094", "meta.profile on what is created or changed", _profile, *sorted(wire.WRITES)),
    _each(
        "SP-100 HT-035",
        "JSON is asked for and sent",
        lambda call: (
            "json" in wire.headers(call).get("accept", "") + wire.headers(call).get("content-type", "")
        ),
    ),
    # Structured record
    Rule(("CS-007",), "a superseded number is replaced by the current one", _current_number),
    _never_called("CS-008", "of a number that PDS marks invalid no practice is asked", Trace.INVALIDATED),
    Rule(("CS-009",), "of a patient who died no practice is asked for the structured record", _of_the_dead),
    _never_called("CS-010", "of a number that PDS does not know no practice is asked", Trace.NOT_FOUND),
    _each(
        "CS-020",
        "patientNHSNumber once; includeResolvedAllergies with includeAllergies",
        _one_patient,
        "structured_record",
    ),
    _each(
        "CS-021",
        "every date is whole",
        lambda call: all(_WHOLE.fullmatch(text) for text in wire.whole_dates(wire.body(call))),
        "structured_record",
    ),
    _each(
        "CS-022 CS-023 CS-024",
        "the practice, which refuses forbidden combinations, refused none",
        lambda call: "combined" not in (call.refused or "") and "exclude" not in (call.refused or ""),
        "structured_record",
    ),
    _each(
        "CS-026",
        "includePrescriptionIssues is stated",
        lambda call: "includePrescriptionIssues" in _parts(call, "includeMedication"),
        "structured_record",
        when=lambda call: "includeMedication" in wire.parameters(call),
    ),
    _each(
        "CS-029",
        "the capability statement of the structured record alone is never asked for",
        lambda call: wire.operation(call) != "structured_metadata",
    ),
    _each(
        "CS-032",
        "no call of the migration operations",
        lambda call: "migrate" not in (call.interaction or ""),
    ),
    # HTML record
    _each(
        "HT-007",
        "patientNHSNumber once",
        lambda call: len(wire.parameters(call).get("patientNHSNumber", [])) == 1,
        "care_record",
    ),
    _each(
        "HT-008 HT-010",
        "one section of the value set",
        lambda call: _section(call) in {"SUM", "ENC", "CLI", "PRB", "ALL", "MED", "REF", "OBS", "IMM", "ADM"},
        "care_record",
    ),
    _each(
        "HT-009",
        "no period for a section that takes none",
        lambda call: "timePeriod" not in wire.parameters(call),
        "care_record",
        when=lambda call: _section(call) in {"SUM", "ALL", "IMM"},
    ),
    # Foundations
    _each(
        "FN-006 FN-007",
        "the system of the NHS number, and no | that is not percent-encoded",
        _patient_search,
        "find_patient",
    ),
    _each(
        "FN-020 FN-033",
        "one registerPatient with its profile",
        lambda call: bool(_registered(call).get("meta", {}).get("profile")),
        "register_patient",
    ),
    _each(
        "FN-021",
        "the NHS number",
        lambda call: "https://fhir.nhs.uk/Id/nhs-number" in wire.identifiers(_registered(call)),
        "register_patient",
    ),
    _each(
        "FN-022 FN-023",
        "one official name, with family and given",
        lambda call: (
            len(_official(call)) == 1
            and bool(_official(call)[0].get("family") and _official(call)[0].get("given"))
        ),
        "register_patient",
    ),
    _each(
        "FN-024", "the birth date", lambda call: bool(_registered(call).get("birthDate")), "register_patient"
    ),
    _each(
        "FN-032",
        "no other field",
        lambda call: _registered(call).keys() <= _FIELDS_OF_REGISTRATION,
        "register_patient",
    ),
    # Appointments
    _each("AP-002", "one start, with ge", _once("start", "ge"), "search_slots"),
    _each("AP-003", "one end, with le", _once("end", "le"), "search_slots"),
    _each(
        "AP-004",
        "whole dates, or date-times with their offset",
        lambda call: all(
            wire.moment(value) for name in ("start", "end") for value in wire.values(call, name)
        ),
        "search_slots",
    ),
    _each("AP-005", "status=free", lambda call: wire.values(call, "status") == ["free"], "search_slots"),
    _each(
        "AP-006",
        "_include=Slot:schedule",
        lambda call: "Slot:schedule" in wire.values(call, "_include"),
        "search_slots",
    ),
    _each("AP-007", "two weeks at most", _range, "search_slots"),
    _in_step("AP-008", "a filter with the own ODS code", _own_filter, "search_slots"),
    _each(
        "AP-009",
        "a filter with a type of organisation of the value set",
        lambda call: bool(re.search(r"OrganisationType-1\|(gp-practice|urgent-care)", _filters(call))),
        "search_slots",
        when=lambda call: "OrganisationType" in _filters(call),
    ),
    _each(
        "AP-010 AP-011",
        "what is included beside the slots is asked for by _include:recurse",
        lambda call: "Location:managingOrganization" in wire.values(call, "_include:recurse"),
        "search_slots",
    ),
    _in_step("AP-031", "free slots were found before", _earlier_operation("search_slots"), "book"),
    _in_step(
        "AP-032 FN-005 AP-091",
        "the logical id of the patient was found by Find patient",
        _earlier_operation("find_patient"),
        "book",
        "patient_appointments",
    ),
    _each(
        "AP-033",
        "the slot lies ahead",
        lambda call: str(wire.body(call).get("start"))[:16] > call.at.isoformat()[:16],
        "book",
    ),
    _each(
        "AP-036 AP-037",
        "the profile is named, and the practice, which checks it, took the Appointment",
        lambda call: _profile(call) and "not a valid" not in (call.refused or ""),
        "book",
    ),
    _each(
        "AP-038",
        "a Patient participant",
        lambda call: any(one.startswith("Patient/") for one in _actors(call)),
        "book",
    ),
    _each(
        "AP-039",
        "a Location participant",
        lambda call: any(one.startswith("Location/") for one in _actors(call)),
        "book",
    ),
    _each(
        "AP-040",
        "an actor in each participant",
        lambda call: bool(_actors(call)) and all(_actors(call)),
        "book",
    ),
    _each(
        "AP-041",
        "start and end",
        lambda call: bool(wire.body(call).get("start") and wire.body(call).get("end")),
        "book",
    ),
    _each("AP-042", "status booked", lambda call: wire.body(call).get("status") == "booked", "book"),
    _each("AP-043", "one slot at least", lambda call: bool(wire.body(call).get("slot")), "book"),
    _each(
        "AP-044",
        "bookingOrganisation leads to a contained Organization",
        lambda call: len(_extensions(call, "BookingOrganisation")) == 1 and bool(_organisation(call)),
        "book",
    ),
    _each("AP-045", "the booking organisation is the one that asks", _unremarked("AP-045"), "book"),
    _each(
        "AP-046 AP-047",
        "its ODS code, name and telecom",
        lambda call: bool(
            wire.identifiers(_organisation(call))
            and _organisation(call).get("name")
            and _organisation(call).get("telecom")
        ),
        "book",
    ),
    _each("AP-048", "its type is that of the search", _unremarked("AP-048"), "book"),
    _each("AP-049", "created", lambda call: bool(wire.body(call).get("created")), "book"),
    _each(
        "AP-050",
        "a description of at most 100 characters",
        lambda call: 0 < len(wire.body(call).get("description", "")) <= 100,
        "book",
    ),
    _each(
        "AP-053",
        "a comment of at most 500 characters, if any",
        lambda call: len(wire.body(call).get("comment", "")) <= 500,
        "book",
    ),
    _each(
        "AP-055 AP-056 AP-057",
        "no reason, no specialty, no reason of a cancellation",
        lambda call: (
            not wire.body(call).keys() & {"reason", "specialty"}
            and not _extensions(call, "CancellationReason")
        ),
        "book",
    ),
    _in_step(
        "AP-070 AP-080", "the appointment was fetched before it is changed", _was_fetched, "amend", "cancel"
    ),
    _in_step(
        "AP-071 AP-077",
        "what is sent is what was fetched, but for description and comment",
        _amends_words_alone,
        "amend",
    ),
    _each(
        "AP-074 AP-085",
        'If-Match with a version, as W/"version"',
        lambda call: wire.headers(call).get("if-match", "").startswith('W/"'),
        "amend",
        "cancel",
    ),
    _each("AP-075 AP-086", "meta.profile", _profile, "amend", "cancel"),
    _each(
        "AP-076",
        "the limits of 100 and 500 characters",
        lambda call: (
            len(wire.body(call).get("description", "")) <= 100
            and len(wire.body(call).get("comment", "")) <= 500
        ),
        "amend",
    ),
    _each(
        "AP-078",
        "no reason of a cancellation",
        lambda call: not _extensions(call, "CancellationReason"),
        "amend",
    ),
    _each("AP-082", "status cancelled", lambda call: wire.body(call).get("status") == "cancelled", "cancel"),
    _each(
        "AP-083",
        "a reason",
        lambda call: any(one.get("valueString") for one in _extensions(call, "CancellationReason")),
        "cancel",
    ),
    _in_step(
        "AP-084 AP-087",
        "what is sent is what was fetched, but for status and reason",
        _cancels_alone,
        "cancel",
    ),
    _each(
        "AP-092 AP-093",
        "two start parameters, one ge and one le",
        lambda call: [value[:2] for value in _starts(call)] == ["ge", "le"],
        "patient_appointments",
    ),
    _each(
        "AP-094",
        "whole dates",
        lambda call: all(_WHOLE.fullmatch(value[2:]) for value in _starts(call)),
        "patient_appointments",
    ),
    _each("AP-095", "no part of the range in the past", _not_in_the_past, "patient_appointments"),
    # Documents
    _each(
        "DO-003 DO-004",
        "the system of the NHS number, and no | that is not percent-encoded",
        _patient_search,
        "documents_patient",
    ),
    _each(
        "DO-007",
        "four _include parameters",
        lambda call: len(wire.values(call, "_include")) == 4,
        "documents_search",
    ),
    _each(
        "DO-008",
        "_revinclude:recurse=PractitionerRole:practitioner",
        lambda call: "PractitionerRole:practitioner" in wire.values(call, "_revinclude:recurse"),
        "documents_search",
    ),
)
