"""Patients, people and places at the sandbox's practices."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from bridge.contracts.patients import RegistrationDetails
from bridge.errors import FailureCode, Refused, RegistrationRefused, Unavailable
from bridge.gpconnect import NewRegistration
from bridge.mapping import Asked, map_patient
from bridge.sandbox import BY_NAME, FaultKind, InjectedFault
from tests.integration.gpconnect.reception import MAIN, PATIENT, Reception

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEW = BY_NAME["registered_elsewhere"]
DETAILS = RegistrationDetails.model_validate(
    {
        "home_address": {"lines": ["7 Moor Lane"], "city": "Leeds", "district": "West Yorkshire", "postcode": "LS2 7AB"},
        "temporary_address": {"lines": ["Ward 4", "Sandbox General"], "city": "Leeds"},
        "phones": {"home": "0113 496 0100", "work": "0113 496 0101", "mobile": "07700 900100", "temporary": "0113 496 0102"},
        "email": "somebody@example.com",
        "communication": {"language_code": "pl", "language": "Polish", "interpreter_required": True},
    }
)  # fmt: skip


def registration(**changes) -> NewRegistration:
    person = NEW.person
    fields: dict[str, Any] = {
        "nhs_number": NEW.nhs_number,
        "family_name": person.family,
        "given_names": person.given,
        "birth_date": date.fromisoformat(person.birth_date),
        "gender": person.gender,
        "details": DETAILS,
    }
    return NewRegistration(**(fields | changes))


@pytest.mark.duty("FN-001", "FN-012", "FN-013", "FN-014")
async def test_a_practice_says_which_version_it_implements(reception: Reception):
    practice = reception.practice()
    capability = await practice.capability()
    assert capability.version == "1.6.2"
    assert "gpc.registerpatient" in capability.operations
    assert await practice.capability() is capability
    assert reception.calls("read:metadata-1") == 1


@pytest.mark.duty("FN-002", "FN-003", "FN-005", "FN-006", "FN-007", "FN-016")
async def test_a_patient_is_found_and_read_by_the_id_found(reception: Reception):
    practice = reception.practice()
    found = await practice.find_patient(PATIENT)
    assert found is not None

    read = await practice.read_patient(found.id, nhs_number=PATIENT)

    assert read.id == found.id
    assert read.resource == found.resource
    assert await practice.find_patient(NEW.nhs_number) is None
    with pytest.raises(ValueError, match="ids are local"):
        await reception.practice("A99002").read_patient(found.id, nhs_number=PATIENT)


@pytest.mark.duty(
    "FN-004", "FN-020", "FN-021", "FN-022", "FN-023", "FN-024", "FN-025", "FN-026", "FN-027", "FN-028", "FN-029", "FN-030",
    "FN-031", "FN-032", "FN-033", "FN-034", "FN-037", "SP-098", "SP-099",
)  # fmt: skip
async def test_a_temporary_patient_is_registered_and_can_be_found(reception: Reception):
    registered = await reception.practice().register_patient(registration())

    found = await reception.practice().find_patient(NEW.nhs_number)
    assert found is not None
    assert found.id == registered.id
    patient = map_patient(found.resource, practice_ods_code=MAIN, asked=Asked(nhs_number=NEW.nhs_number))
    assert patient["registration"]["kind"] == "temporary"
    assert {address.get("use") for address in patient["addresses"]} == {"home", "temp"}
    assert {contact["value"] for contact in patient["contacts"]} >= {"0113 496 0102", "somebody@example.com"}


async def test_a_registration_is_refused_with_its_reason(reception: Reception):
    practice = reception.practice()

    async def refusal(wanted: NewRegistration) -> str:
        with pytest.raises(RegistrationRefused) as refused:
            await practice.register_patient(wanted)
        return refused.value.reason

    assert await refusal(registration(birth_date=date(1901, 2, 3))) == "not_verified"
    assert await practice.find_patient(NEW.nhs_number) is None
    await practice.register_patient(registration())
    assert await refusal(registration()) == "already_registered"


@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.LOST, FaultKind.CUT_JSON, FaultKind.EMPTY_OBJECT])
async def test_a_registration_whose_answer_was_lost_is_found(reception: Reception, kind: FaultKind):
    reception.sandbox.fault(MAIN, InjectedFault(kind, on=("register_patient",), times=1))
    with pytest.raises(Unavailable):
        await reception.practice().register_patient(registration())

    assert await reception.practice().find_patient(NEW.nhs_number) is not None


@pytest.mark.duty("FN-008", "FN-009", "FN-010", "FN-011", "FN-015", "AP-016", "AP-018")
async def test_people_and_places_of_a_slot_are_read_by_their_ids(reception: Reception):
    practice = reception.practice()
    slot = next(each for each in (await reception.free())["slots"] if "practitioner" in each)
    offer = slot["offer"]

    clinician = await practice.read_practitioner(practice.id("Practitioner", offer["practitioner_id"]))
    place = await practice.read_location(practice.id("Location", offer["location_id"]))
    surgery = await practice.find_organisation(MAIN)
    assert surgery is not None

    again = await practice.find_practitioner(slot["practitioner"]["sds_user_id"])
    assert again is not None
    assert again.id == clinician.id
    assert place.resource["name"] == slot["location"]["name"]
    assert (await practice.read_organisation(surgery.id)).resource == surgery.resource
    assert await practice.find_organisation("A99002") is None
    assert await practice.find_practitioner("999999999999") is None


async def test_what_a_practice_does_not_know_says_nothing_about_the_patient(reception: Reception):
    practice = reception.practice()
    for ask in (
        practice.read_practitioner(practice.id("Practitioner", "nobody")),
        practice.read_organisation(practice.id("Organization", "nothing")),
        practice.read_location(practice.id("Location", "nowhere")),
    ):
        with pytest.raises(Refused) as refused:
            await ask
        assert refused.value.code == FailureCode.RESOURCE_NOT_FOUND


@pytest.mark.duty("SP-014", "SP-015", "FN-001", "AP-001")
async def test_a_request_looks_each_interaction_up_once_and_shares_it_with_no_other(reception: Reception):
    def look_ups() -> int:
        return len(reception.sandbox.calls.of("sds"))

    practice = reception.practice()
    await practice.find_patient(PATIENT)
    before = look_ups()
    await practice.find_patient(PATIENT)
    assert look_ups() == before
    await reception.practice().find_patient(PATIENT)
    assert look_ups() == before + 2
    in_encounter = {"encounter_id": "E-1", "nhs_number": PATIENT}
    await reception.practice(**in_encounter).find_patient(PATIENT)
    before = look_ups()
    await reception.practice(**in_encounter).find_patient(PATIENT)
    assert look_ups() == before
    await reception.practice(**(in_encounter | {"nhs_number": NEW.nhs_number})).find_patient(PATIENT)
    assert look_ups() == before + 2


async def test_nothing_of_the_patient_is_shown_by_what_is_asked(reception: Reception):
    shown = repr(registration()) + repr(replace(registration(), details=RegistrationDetails()))
    assert NEW.nhs_number not in shown
    assert NEW.person.family not in shown
