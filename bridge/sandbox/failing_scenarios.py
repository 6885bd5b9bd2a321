"""The scenario patients of whom Spine or the practice says no, something else than was asked, or nothing."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from bridge.sandbox.control.faults import FaultKind, InjectedFault
from bridge.sandbox.people import Trace
from bridge.sandbox.scenario import Scenario
from bridge.sandbox.scenario import scenario_of as _of
from bridge.sandbox.structured import cases
from bridge.sandbox.world import (
    DISABLED,
    MOVED,
    NO_ADDRESS,
    NO_AGREEMENT,
    NO_ENDPOINT,
    NO_RECEIVER,
    OLDER,
    TWO_ENDPOINTS,
)


def _at(kind: FaultKind, **more: Any) -> InjectedFault:
    return replace(InjectedFault(kind), **more)


def _of_record(kind: FaultKind, **more: Any) -> InjectedFault:
    """Met by requests for the record only: dissent, for one, says nothing of appointments (AP-P12)."""
    return _at(kind, on=("structured_record", "care_record"), **more)


def demographics() -> Iterator[Scenario]:
    """The practice holds somebody else than PDS does."""
    for name, number, element, value in (
        ("other_family_name", "9990000352", "family", "Mirfield"),
        ("other_given_name", "9990000360", "given", "Wilhelmina"),
        ("other_gender", "9990000379", "gender", "unknown"),
        ("other_birth_date", "9990000387", "birth_date", "1901-01-01"),
    ):
        held = {element: (value,) if element == "given" else value}
        what = name.removeprefix("other_").replace("_", " ")
        reason = f"the practice holds another {what} than PDS"
        yield _of(name, number, reason, cases.rich_record, at_practice=held)


def registrations() -> Iterator[Scenario]:
    """What PDS says of a number."""
    new = "9990000018"
    yield _of(
        "superseded",
        "9990000395",
        "PDS answers with the number in use",
        None,
        trace=Trace.SUPERSEDED,
        now=new,
    )
    yield _of("restricted", "9990000409", "PDS: sensitive, no practice given", None, trace=Trace.RESTRICTED)
    yield _of("deceased", "9990000417", "PDS: deceased, practice still listed", None, trace=Trace.DECEASED)
    yield _of("ended_registration", "9990000425", "PDS: the registration has ended", None, trace=Trace.ENDED)
    yield _of("no_practice", "9990000433", "PDS: no practice at all", None, trace=Trace.NO_PRACTICE)
    yield _of("not_on_pds", "9990000441", "PDS: not found", None, trace=Trace.NOT_FOUND)
    yield _of("invalidated", "9990000468", "PDS: the number was invalidated", None, trace=Trace.INVALIDATED)
    busy = InjectedFault(FaultKind.STATUS, at="pds", status=429, retry_after=1, times=1)
    yield _of(
        "pds_busy_once", "9990000476", "PDS: 429 with Retry-After, then fine", cases.rich_record, fault=busy
    )
    down = InjectedFault(FaultKind.STATUS, at="pds", status=500, times=1)
    yield _of("pds_fails_once", "9990000484", "PDS: 500, then fine", cases.rich_record, fault=down)


def practices() -> Iterator[Scenario]:
    """What the directory or the proxy says of the practice."""
    for name, number, reason, practice in (
        ("no_endpoint", "9990000492", "SDS: the practice has no endpoint", NO_ENDPOINT),
        ("two_endpoints", "9990000506", "SDS: two endpoints; which one is unknown", TWO_ENDPOINTS),
        ("no_address", "9990000514", "SDS: an endpoint without an address", NO_ADDRESS),
        ("no_agreement", "9990000522", "proxy: no data sharing agreement", NO_AGREEMENT),
        ("moved_address", "9990000530", "proxy: SDS hands out an old address", MOVED),
        ("not_a_receiver", "9990000549", "proxy: the receiver is not accredited", NO_RECEIVER),
        ("capability_off", "9990000557", "practice: the capability is switched off", DISABLED),
    ):
        yield _of(name, number, reason, cases.rich_record, practice=practice)


def refusals() -> Iterator[Scenario]:
    """What the practice refuses."""
    yield _of("not_at_practice", "9990000565", "practice: patient not found", None)
    for name, number, status, code in (
        ("no_consent", "9990000573", 403, "NO_PATIENT_CONSENT"),
        ("no_organisation_consent", "9990000581", 403, "NO_ORGANISATION_CONSENT"),
        ("demographics_refused", "9990000603", 400, "INVALID_PATIENT_DEMOGRAPHICS"),
        ("request_refused", "9990000611", 422, "INVALID_PARAMETER"),
        ("not_implemented", "9990000638", 501, "NOT_IMPLEMENTED"),
    ):
        yield _of(
            name,
            number,
            f"practice: {status} {code}",
            fault=_of_record(FaultKind.STATUS, status=status, code=code),
        )

    refused = _of_record(FaultKind.STATUS, status=403, code="NO_PATIENT_CONSENT")
    yield _of(
        "no_consent_older",
        "9990000883",
        "version 1.2.7: 403 NO_PATIENT_CONSENT",
        fault=refused,
        practice=OLDER,
    )


def lies() -> Iterator[Scenario]:
    """What says that it is a record, and is none."""
    for name, number, reason, fault in (
        ("empty_object", "9990000646", "200 with {}", _of_record(FaultKind.EMPTY_OBJECT)),
        (
            "other_patient",
            "9990000654",
            "200 with another patient's record",
            _of_record(FaultKind.OTHER_PATIENT),
        ),
        ("html_page", "9990000662", "200 with a web page", _of_record(FaultKind.HTML, status=200)),
        ("cut_json", "9990000670", "200 with half of the JSON", _of_record(FaultKind.CUT_JSON)),
        ("outcome_as_success", "9990000689", "200 with an OperationOutcome", _of_record(FaultKind.OUTCOME)),
        ("wrong_content_type", "9990000697", "the record as text/plain", _of_record(FaultKind.CONTENT_TYPE)),
        ("stale_bundle", "9990000700", "the trace id of another request", _of_record(FaultKind.STALE_BUNDLE)),
    ):
        yield _of(name, number, reason, cases.rich_record, fault=fault)


def failures() -> Iterator[Scenario]:
    """What goes wrong on the way."""
    for name, number, reason, fault in (
        ("slow", "9990000719", "answers after two seconds", _at(FaultKind.DELAY, delay=2.0)),
        ("fails_twice", "9990000727", "500 twice, then fine", _at(FaultKind.STATUS, times=2)),
        ("always_fails", "9990000735", "500 for ever", _at(FaultKind.STATUS)),
        ("fails_in_html", "9990000743", "500 with a web page", _at(FaultKind.HTML)),
        (
            "unavailable",
            "9990000751",
            "503 without a body",
            _at(FaultKind.STATUS, status=503, has_body=False),
        ),
        (
            "rate_limited_once",
            "9990000778",
            "429 with Retry-After, then fine",
            _at(FaultKind.STATUS, at="proxy", status=429, retry_after=1, times=1),
        ),
        ("proxy_timeout", "9990000786", "504 of the proxy", _at(FaultKind.STATUS, at="proxy", status=504)),
        ("connection_reset", "9990000794", "the connection is reset", _at(FaultKind.RESET, at="proxy")),
        (
            "practice_unreachable",
            "9990000808",
            "reset by the practice: 502 of the proxy",
            _at(FaultKind.RESET),
        ),
        (
            "answer_lost",
            "9990000816",
            "the work is done, the answer lost, then fine",
            _at(FaultKind.DROP, at="proxy", times=1),
        ),
        ("broken_transfer", "9990000824", "half of the bytes, then closed", _at(FaultKind.TRUNCATE)),
        ("dripping", "9990000832", "a few bytes at a time", _at(FaultKind.DRIP)),
        ("no_answer", "9990000840", "nothing ever comes", _at(FaultKind.HANG, at="proxy")),
    ):
        yield _of(name, number, reason, cases.rich_record, fault=fault)
