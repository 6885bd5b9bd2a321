"""Of every call: directories, proxy, headers and tokens."""

import re
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import urlsplit

from bridge.sandbox import BY_NAME, Call
from bridge.sandbox.people import Trace
from bridge.sandbox.spine.interactions import BY_INTERACTION
from tests.assurance.pack import wire
from tests.assurance.pack.rules.rule import (
    Rule,
    Steps,
    each,
    has_profile,
    in_step,
    never_called,
    unremarked,
)
from tests.assurance.pack.simulated import StepRun


def _has_headers(call: Call) -> bool:
    sent = wire.headers(call)
    names = ("ssp-traceid", "ssp-from", "ssp-to", "ssp-interactionid")
    return all(sent.get(name) for name in names) and bool(wire.operation(call))


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


SPINE: Final = (
    in_step(
        "SP-002 CS-002 HT-002 AP-030 FN-002 DO-002",
        "before a call about a patient PDS was asked, in the same request, and answered",
        _was_traced,
        *_OF_PATIENT,
    ),
    in_step(
        "SP-004 SP-041 CS-005 HT-004",
        "the practice asked for a record is the one that PDS names",
        _is_the_registered_practice,
        *_OF_RECORD,
    ),
    never_called(
        "SP-005 CS-006 HT-019 AP-104",
        "of a patient whom PDS marks as sensitive no practice is asked",
        Trace.RESTRICTED,
    ),
    in_step(
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
    in_step(
        "SP-030 SP-039",
        "every call of a practice came through the proxy, with the same trace id",
        _came_by_the_proxy,
    ),
    Rule(
        ("SP-031",),
        "what stands behind the proxy's address begins with the address that SDS told, byte for byte",
        _is_addressed_as_sds_says,
    ),
    each(
        "SP-032",
        "four Ssp headers, and a trace id that was never used before",
        lambda call: _has_headers(call) and unremarked("SP-032")(call),
    ),
    each(
        "CS-019", "four Ssp headers, with the interaction of the operation", _has_headers, "structured_record"
    ),
    each("HT-006", "four Ssp headers, with the interaction of the operation", _has_headers, "care_record"),
    each(
        "AP-020", "four Ssp headers, with the interaction of the operation", _has_headers, *sorted(wire.DIARY)
    ),
    each("FN-012", "four Ssp headers, with the interaction of the operation", _has_headers, *_FOUNDATIONS),
    each(
        "DO-006",
        "four Ssp headers, with the interaction of the operation",
        _has_headers,
        *sorted(wire.DOCUMENTS),
    ),
    each("SP-033", "Ssp-From is the ASID of the organisation in the token", unremarked("SP-033")),
    each(
        "SP-034",
        "the address holds only what RFC 3986 allows",
        lambda call: bool(
            call.exchange and _IN_URL.fullmatch(call.exchange.target + "?" + call.exchange.query)
        ),
    ),
    Rule(("SP-037",), "at most three further tries of a call that failed", _few_tries),
    each("SP-040", "GET, POST or PUT", lambda call: call.method in {"GET", "POST", "PUT"}),
    each(
        "SP-060",
        "a bearer token on every call",
        lambda call: wire.headers(call).get("authorization", "").startswith("Bearer "),
    ),
    each("SP-061 CS-016", "a token that was never used before", unremarked("SP-061")),
    each(
        "SP-062",
        "three parts, alg none, an empty signature",
        lambda call: wire.token(call)[0].get("alg") == "none" and wire.token(call)[1] == "",
    ),
    each("SP-063", "every claim that is listed", lambda call: all(_claim(name)(call) for name in _CLAIMS)),
    each(
        "SP-065",
        "sub is the id of the practitioner",
        lambda call: _claim("sub")(call) == _person(call).get("id"),
    ),
    each("SP-066", "aud is the service root that is called (version 0: the fixed address)", _audience),
    each(
        "SP-067",
        "exp is iat and 300 seconds, both whole",
        lambda call: (call.claims or {}).get("exp", 0) - (call.claims or {}).get("iat", 0) == 300,
    ),
    each(
        "SP-068",
        "reason_for_request is directcare",
        lambda call: _claim("reason_for_request")(call) == "directcare",
    ),
    each("SP-069", "requested_scope is that of the operation", _scope),
    each(
        "SP-070", "never the scope conf/R", lambda call: "conf/R" not in str(_claim("requested_scope")(call))
    ),
    each("SP-071", "the device has identifier, model and version", _device),
    in_step("SP-072", "name and ODS code of the organisation that the request names", _is_the_organisation),
    in_step(
        "SP-073 SP-077",
        "name and identifier of the user that the request names, never a fixed one",
        _is_the_user,
    ),
    each(
        "SP-074 SP-078",
        "an SDS user id, or UNK",
        lambda call: any("sds-user-id" in system for system in wire.identifiers(_person(call))),
    ),
    each(
        "SP-075",
        "an SDS role profile id, or UNK",
        unremarked("SP-075"),
        when=lambda call: wire.operation(call) != "care_record",
    ),
    each("SP-076", "a local identifier of the user", unremarked("SP-076")),
    each("SP-079", "an SDS job role, or UNK", unremarked("SP-079"), "care_record"),
    each("SP-091", "a charset in Content-Type", unremarked("SP-091"), when=lambda call: call.method != "GET"),
    each(
        "SP-092 CS-031",
        "gzip is accepted",
        lambda call: "gzip" in wire.headers(call).get("accept-encoding", ""),
    ),
    each(
        "SP-093",
        'If-Match with a version, as W/"version"',
        lambda call: wire.headers(call).get("if-match", "").startswith('W/"'),
        "amend",
        "cancel",
    ),
    each("SP-094", "meta.profile on what is created or changed", has_profile, *sorted(wire.WRITES)),
    each(
        "SP-100 HT-035",
        "JSON is asked for and sent",
        lambda call: (
            "json" in wire.headers(call).get("accept", "") + wire.headers(call).get("content-type", "")
        ),
    ),
)
