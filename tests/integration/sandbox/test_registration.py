"""Registering a temporary patient: rules, outcomes, and what it leads to (foundations.md §5, FN-P04, FN-P05, FN-P08)."""

import pytest

from bridge.sandbox import BY_NAME
from tests.integration.sandbox.reception import PROFILE, booking, found, refused, registration

pytestmark = pytest.mark.asyncio(loop_scope="module")

LANGUAGE = f"{PROFILE}Extension-CareConnect-GPC-NHSCommunication-1"
INVALID = (422, "INVALID_RESOURCE")
DEMOGRAPHICS = (400, "INVALID_PATIENT_DEMOGRAPHICS")
ELSEWHERE = BY_NAME["registered_elsewhere"]


def of(scenario, **changed):
    """A registration that agrees with PDS."""
    person = BY_NAME[scenario].person
    known = {
        "name": [{"use": "official", "family": person.family, "given": list(person.given)}],
        "birthDate": person.birth_date,
        "gender": person.gender,
    }
    return registration(BY_NAME[scenario].nhs_number, **{**known, **changed})


async def test_a_temporary_patient_is_found_at_once_and_can_be_booked_for(reception):
    phone = {"system": "phone", "use": "temp", "value": "07700900123"}
    language = {"url": LANGUAGE, "extension": [{"url": "interpreterRequired", "valueBoolean": True}]}
    answer = await reception.register(of("registered_elsewhere", telecom=[phone], extension=[language]))
    (patient,) = found(answer)
    assert answer.json()["meta"]["profile"] == [f"{PROFILE}GPConnect-Searchset-Bundle-1"]
    details = {one["url"]: one for one in patient["extension"][0]["extension"]}
    assert details["registrationType"]["valueCodeableConcept"]["coding"][0]["code"] == "T"
    assert details["registrationPeriod"]["valuePeriod"]["start"]
    assert patient["extension"][1] == language
    assert patient["telecom"] == [phone]
    assert patient["address"][0]["line"] == [ELSEWHERE.person.line], "left out, so as PDS has it"
    assert found(await reception.find(ELSEWHERE.nhs_number)) == [patient]
    assert (await reception.book(booking(patient["id"], *reception.free_slots()))).status_code == 201
    assert refused(await reception.register(of("registered_elsewhere"))) == (409, "DUPLICATE_REJECTED")
    pds = (await reception.consumer.pds(ELSEWHERE.nhs_number)).json()
    assert pds["generalPractitioner"][0]["identifier"]["value"] == "A99002", "PDS is not written to"


async def test_a_lapsed_record_is_revived_under_its_id(reception):
    number = BY_NAME["lapsed_record"].nhs_number
    before = reception.patient_id(number)
    (patient,) = found(await reception.register(of("lapsed_record")))
    assert (patient["id"], patient["meta"]["versionId"]) == (before, "2")


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        ("rich_record", (409, "DUPLICATE_REJECTED")),
        ("untraced", (409, "DUPLICATE_REJECTED")),
        ("untraced_other", DEMOGRAPHICS),
        ("not_on_pds", DEMOGRAPHICS),
        ("deceased", DEMOGRAPHICS),
        ("restricted", DEMOGRAPHICS),
        ("superseded", (400, "INVALID_NHS_NUMBER")),
        ("invalidated", (400, "INVALID_NHS_NUMBER")),
    ],
)
async def test_outcomes(reception, scenario, expected):
    assert refused(await reception.register(of(scenario))) == expected


async def test_who_somebody_is_takes_the_birth_date_or_most_of_it_and_the_name(reception):
    person = ELSEWHERE.person
    year, month, _ = person.birth_date.split("-")
    other_day = f"{year}-{month}-01" if person.birth_date[-2:] != "01" else f"{year}-{month}-02"
    another = [{"use": "official", "family": "Zebra", "given": ["Quentin"]}]
    other_month = f"{year}-{'01' if month != '01' else '02'}-{other_day[-2:]}"
    name = [{"use": "official", "family": person.family[:3].lower(), "given": [person.given[0][0]]}]

    async def register(**changed):
        return await reception.register(of("registered_elsewhere", **changed))

    assert refused(await register(birthDate=other_day, name=another)) == DEMOGRAPHICS
    assert refused(await register(birthDate=other_month, name=name)) == DEMOGRAPHICS
    assert (await register(birthDate=other_day, name=name)).status_code == 200
    reception.sandbox.reset()
    assert (await register(name=another)).status_code == 200


def official(**changed):
    return {"use": "official", "family": "Nobody", "given": ["Else"], **changed}


def phones(*uses):
    return [{"system": "phone", "use": use, "value": "01632960001"} for use in uses]


@pytest.mark.parametrize(
    "changed",
    [
        {"meta": None},
        {"identifier": None},
        {"identifier": [{"system": "urn:x", "value": "1"}]},
        {"name": None},
        {"name": [official(), official()]},
        {"name": [official(use="usual")]},
        {"name": [{"use": "official", "family": "Nobody"}]},
        {"birthDate": None},
        {"birthDate": "1950"},
        {"active": True},
        {"contact": [{"name": {"text": "A"}}]},
        {"managingOrganization": {"reference": "Organization/1"}},
        {"maritalStatus": {"text": "single"}},
        {"telecom": phones("home", "home")},
        {"telecom": phones("old")},
        {"telecom": [{"system": "email", "value": "a@example.org"}] * 2},
        {"telecom": [{"system": "fax", "value": "1"}]},
        {"address": [{"use": "home"}, {"use": "home"}]},
        {"address": [{"use": "work", "line": ["1"]}]},
        {"extension": [{"url": f"{PROFILE}Extension-CareConnect-GPC-RegistrationDetails-1"}]},
        {"extension": [{"url": LANGUAGE, "extension": []}] * 2},
        {"hatSize": 7},
    ],
)
async def test_a_registration_that_breaks_a_rule(reception, changed):
    body = registration(ELSEWHERE.nhs_number, **changed)
    assert refused(await reception.register(body)) == INVALID


async def test_what_is_no_registration_at_all(reception):
    sound = of("registered_elsewhere")
    (parameter,) = sound["parameter"]
    assert refused(await reception.register({"resourceType": "Patient"})) == (400, "BAD_REQUEST")
    assert refused(await reception.register({**sound, "parameter": [parameter] * 2})) == INVALID
    assert refused(await reception.register({**sound, "parameter": [{"name": "registerPatient"}]})) == INVALID
    wrong_number = registration("9990000019")
    assert refused(await reception.register(wrong_number)) == (400, "INVALID_NHS_NUMBER")
