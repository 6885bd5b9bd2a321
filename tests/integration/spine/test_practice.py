"""The practice client on the wire, and with answers that no good practice gives."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import structlog

from bridge.contracts.appointments import Offer
from bridge.contracts.requests import Organisation
from bridge.errors import (
    AppointmentRefused,
    FailureCode,
    Refused,
    RequestFailed,
    ResponseInvalid,
    Unavailable,
)
from bridge.gpconnect import GpConnect, PracticeBooking, PracticeClient, ResourceId, StoredAppointment, Window
from bridge.gpconnect.windows import local, today
from tests.integration.spine.world import NHS_NUMBER, PRACTICE, ROOT, World, claims, outcome, requester
from tests.support.http_server import answer

V1_SYSTEM = "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1"
V1_OLDER_SYSTEM = "https://fhir.nhs.uk/STU3/ValueSet/Spine-ErrorOrWarningCode-1"
IN_A_WEEK = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=7)
PATIENT = ResourceId(PRACTICE, "Patient", "p-2")


def bundle(*resources: dict[str, Any]) -> bytes:
    entries = [{"resource": resource} for resource in resources]
    return answer({"resourceType": "Bundle", "type": "searchset", "entry": entries})


def patient(number: str = NHS_NUMBER, patient_id: str = "p-2") -> dict[str, Any]:
    identifier = [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number}]
    return {"resourceType": "Patient", "id": patient_id, "identifier": identifier}


def appointment(**changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "Appointment",
        "id": "148",
        "meta": {"versionId": "7"},
        "status": "booked",
        "description": "Wound check",
        "start": local(IN_A_WEEK),
        "end": local(IN_A_WEEK + timedelta(minutes=10)),
        "slot": [{"reference": "Slot/12"}],
        "participant": [{"actor": {"reference": "Patient/p-2"}, "status": "accepted"}],
    } | changes


def stored(**changes: Any) -> StoredAppointment:
    return StoredAppointment.of(PRACTICE, "Appointment", appointment(**changes))


def booking() -> PracticeBooking:
    slot = Offer(
        practice_ods_code=PRACTICE,
        slot_id="12",
        schedule_id="14",
        location_id="17",
        start=IN_A_WEEK,
        end=IN_A_WEEK + timedelta(minutes=10),
    )
    return PracticeBooking(
        patient=PATIENT,
        slots=(slot,),
        organisation=Organisation(ods_code="RXX", name="Example Hospital"),
        organisation_phone="0113 496 0001",
        created=datetime.now(UTC),
        description="Wound check",
    )


@pytest.fixture
def practice(gpconnect: GpConnect) -> PracticeClient:
    return gpconnect.at(PRACTICE, requested_by=requester())


@pytest.mark.duty("AP-020", "FN-012", "SP-034", "SP-069")
async def test_a_query_is_on_the_wire_as_practices_read_it(practice: PracticeClient, world: World):
    world.practice = bundle(patient())
    await practice.find_patient(NHS_NUMBER)
    world.practice = bundle()
    summer = datetime(2099, 7, 1, 9, tzinfo=UTC)
    await practice.search_slots(Window(summer, summer + timedelta(days=1)), organisation_type="gp-practice")

    find, search = world.of("practice")
    assert find.method == "GET"
    assert find.target == f"/{ROOT}/Patient?identifier=https://fhir.nhs.uk/Id/nhs-number%7C{NHS_NUMBER}"
    assert find.headers["ssp-interactionid"].endswith(":fhir:rest:search:patient-1")
    assert search.target.removeprefix(f"/{ROOT}/") == (
        "Slot?start=ge2099-07-01T10:00:00%2B01:00&end=le2099-07-02T10:00:00%2B01:00&status=free"
        "&_include=Slot:schedule&_include:recurse=Schedule:actor:Practitioner"
        "&_include:recurse=Schedule:actor:Location&_include:recurse=Location:managingOrganization"
        "&searchFilter=https://fhir.nhs.uk/Id/ods-organization-code%7CRXX"
        "&searchFilter=https://fhir.nhs.uk/STU3/CodeSystem/GPConnect-OrganisationType-1%7Cgp-practice"
    )
    assert [claims(request)["requested_scope"] for request in (find, search)] == [
        "patient/*.read",
        "organization/*.read",
    ]


@pytest.mark.duty("AP-074", "AP-085", "SP-093")
async def test_a_change_names_the_version_it_starts_from(practice: PracticeClient, world: World):
    world.practice = answer(appointment(meta={"versionId": "8"}))
    await practice.amend(stored(), comment="Bring a list")
    await practice.cancel(stored(meta={"versionId": "9"}), reason="Better")

    amend, cancel = world.of("practice")
    assert [(request.method, request.target) for request in (amend, cancel)] == [
        ("PUT", f"/{ROOT}/Appointment/148")
    ] * 2
    assert [request.headers["if-match"] for request in (amend, cancel)] == ['W/"7"', 'W/"9"']
    assert orjson.loads(amend.body) == appointment(comment="Bring a list") | {
        "meta": {
            "versionId": "7",
            "profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-Appointment-1"],
        }
    }


async def test_a_version_may_stand_in_the_etag_alone(practice: PracticeClient, world: World):
    world.practice = answer(appointment(meta={}), headers={"ETag": 'W/"21"'})
    read = await practice.read_appointment(practice.id("Appointment", "148"), patient=PATIENT)
    assert read.version == "21"

    world.practice = answer(appointment(meta={}))
    read = await practice.read_appointment(practice.id("Appointment", "148"), patient=PATIENT)
    with pytest.raises(ResponseInvalid, match="version_missing"):
        await practice.cancel(read, reason="Better")
    assert [request.method for request in world.of("practice")] == ["GET", "GET"]


@pytest.mark.duty("FN-036", "JO-033")
@pytest.mark.parametrize(
    "resources",
    [
        [patient("9990000026")],
        [{"resourceType": "Patient", "id": "p-2"}],
        [patient(), patient(patient_id="p-3")],
    ],
    ids=["another", "no number", "two"],
)
async def test_a_patient_who_is_not_the_one_asked_for_is_not_used(
    practice: PracticeClient, world: World, resources: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    world.practice = bundle(*resources)
    with structlog.testing.capture_logs() as lines, pytest.raises(ResponseInvalid) as refused:
        await practice.find_patient(NHS_NUMBER)
    told = f"{lines}{caplog.text}{refused.value!r}"
    assert "upstream_call" in told
    assert not any(secret in told for secret in (NHS_NUMBER, "9990000026", "nhs-number"))


async def test_an_answer_with_another_patients_appointment_is_not_used(
    practice: PracticeClient, world: World
):
    somebody = [{"actor": {"reference": "Patient/p-3"}, "status": "accepted"}]
    world.practice = bundle(appointment(), appointment(id="149", participant=somebody))
    with pytest.raises(ResponseInvalid, match="another_patient"):
        await practice.patient_appointments(PATIENT, today(), today())


async def failure(awaitable: Any) -> RequestFailed:
    with pytest.raises(RequestFailed) as failed:
        await awaitable
    return failed.value


async def test_our_own_booking_is_told_by_its_slots_else_by_time_and_place(
    practice: PracticeClient, world: World
):
    ours = booking()
    at = [{"actor": {"reference": reference}} for reference in ("Patient/p-2", "Location/17")]
    elsewhere = [{"actor": {"reference": reference}} for reference in ("Patient/p-2", "Location/18")]

    async def found(*resources: dict[str, Any]) -> str | None:
        world.practice = bundle(*resources)
        stored = await practice.find_booking(ours)
        return stored.id.id if stored else None

    by_a_colleague = {"id": "149", "created": local(ours.created - timedelta(hours=1))}
    assert await found(appointment(**by_a_colleague)) == "149", "who knows how the practice writes the time"
    assert await found(appointment(**by_a_colleague), appointment(created=local(ours.created))) == "148"
    assert await found(appointment(slot=[{"reference": "Slot/12"}, {"reference": "Slot/13"}])) is None
    assert await found(appointment(slot=[], participant=at)) == "148"
    assert await found(appointment(slot=[], participant=elsewhere)) is None
    assert (
        await found(appointment(slot=[], participant=at, end=local(IN_A_WEEK + timedelta(hours=1)))) is None
    )
    assert await found(appointment(status="cancelled")) is None
    assert await found(appointment(status="cancelled", created=local(ours.created))) == "148"
    assert await found() is None
    assert world.of("practice")[0].target.endswith(
        f"/Patient/p-2/Appointment?start=ge{local(IN_A_WEEK)[:10]}&start=le{local(IN_A_WEEK)[:10]}"
    )


SPOILT_SUCCESS = [
    answer(b"", status=201),
    answer(b"{", status=201),
    answer({"resourceType": "OperationOutcome"}, status=200),
    answer(appointment(id="a/b"), status=201),
    answer(appointment(), status=201, content_type="text/html"),
    answer(appointment(), status=202),
    answer(b"", status=302),
    answer(appointment(participant=[{"actor": {"reference": "Patient/p-3"}}]), status=201),
]


async def test_success_that_cannot_be_used_leaves_what_was_sent_in_doubt(
    practice: PracticeClient, world: World
):
    for reply in SPOILT_SUCCESS:
        world.practice = reply
        failed = await failure(practice.book(booking()))
        assert isinstance(failed, Unavailable)
        assert failed.code == FailureCode.OUTCOME_UNKNOWN


# status, code, what it means to a booking, and to a change
MEANINGS = [
    (500, "INTERNAL_SERVER_ERROR", FailureCode.PROVIDER_ERROR, FailureCode.PROVIDER_ERROR),
    (409, "DUPLICATE_REJECTED", "taken", "version_conflict"),
    (409, "NO_CODE_OF_THEIRS", "taken", "version_conflict"),
    (412, "NO_CODE_OF_THEIRS", FailureCode.REQUEST_REFUSED, "version_conflict"),
    (422, "REFERENCE_NOT_FOUND", "unknown_slot", FailureCode.REQUEST_REFUSED),
    (422, "INVALID_RESOURCE", "invalid", "invalid"),
    (500, "INVALID_RESOURCE", FailureCode.OUTCOME_UNKNOWN, FailureCode.OUTCOME_UNKNOWN),
    (404, "NO_RECORD_FOUND", FailureCode.PATIENT_NOT_FOUND, "not_found"),
    (404, "PATIENT_NOT_FOUND", FailureCode.PATIENT_NOT_FOUND, FailureCode.PATIENT_NOT_FOUND),
    (403, "ACCESS DENIED", FailureCode.PRACTICE_NOT_ENABLED, FailureCode.PRACTICE_NOT_ENABLED),
    (400, "BAD_REQUEST", FailureCode.REQUEST_REFUSED, FailureCode.REQUEST_REFUSED),
    (504, "NO_CODE_OF_THEIRS", FailureCode.PROVIDER_TIMEOUT, FailureCode.PROVIDER_TIMEOUT),
]


async def test_what_an_error_means_depends_on_what_was_asked(practice: PracticeClient, world: World):
    async def meaning(awaitable: Any) -> str:
        failed = await failure(awaitable)
        assert isinstance(failed, Unavailable) == (status >= 500)
        return failed.reason if isinstance(failed, AppointmentRefused) else failed.code

    for status, code, to_book, to_change in MEANINGS:
        system = V1_SYSTEM if status % 2 else V1_OLDER_SYSTEM
        world.practice = answer(outcome(code, system=system), status=status)
        assert (status, code, await meaning(practice.book(booking()))) == (status, code, to_book)
        assert (status, code, await meaning(practice.amend(stored(), comment="x"))) == (
            status,
            code,
            to_change,
        )
        assert (status, code, await meaning(practice.cancel(stored(), reason="x"))) == (
            status,
            code,
            to_change,
        )


async def test_a_check_of_the_proxy_is_no_refusal_of_the_practice(practice: PracticeClient, world: World):
    ssp = "http://fhir.nhs.net/ValueSet/gpconnect-schedule-response-code-1-0"
    world.practice = answer(outcome("DUPLICATE_REJECTED", system=ssp), status=403)
    failed = await failure(practice.book(booking()))
    assert type(failed) is Refused
    assert failed.code == FailureCode.REQUEST_REFUSED


async def test_a_stale_directory_is_asked_again_before_a_booking_is_sent_again(
    practice: PracticeClient, world: World
):
    stale = {
        "system": "http://fhir.nhs.net/ValueSet/gpconnect-schedule-response-code-1-0",
        "code": "400",
        "display": "ENDPOINT_1_VARIES_FROM_TARGETURL_2",
    }
    refused = answer(
        {"resourceType": "OperationOutcome", "issue": [{"details": {"coding": [stale]}}]}, status=400
    )
    replies = iter([refused, answer(appointment(), status=201)])
    world.practice = lambda _request: next(replies)

    booked = await practice.book(booking())

    assert booked.version == "7"
    first, second = world.of("practice")
    assert first.body == second.body
    assert first.headers["ssp-traceid"] != second.headers["ssp-traceid"]
