"""Patients, practitioners, organisations and places (foundations.md §1 to §4, FN-P01 to FN-P03, FN-P06, FN-P07)."""

import pytest
from fhir.resources.STU3.patient import Patient

from bridge.sandbox import BY_NAME
from tests.integration.sandbox.consumer import ODS
from tests.integration.sandbox.reception import NHS_NUMBER, ORGANISATION, READ, found, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBER = "9990000018"
USER = "https://fhir.nhs.uk/Id/sds-user-id"
NEVER = {"maritalStatus", "multipleBirthBoolean", "photo", "communication", "animal", "deceasedBoolean"}


async def found_patient(reception, number):
    (patient,) = found(await reception.find(number))
    return patient


async def test_a_patient_is_found_with_what_must_be_said_and_without_what_must_not(reception):
    patient = await found_patient(reception, NUMBER)
    Patient.model_validate(patient)
    person = BY_NAME["rich_record"].person
    assert patient["identifier"][0]["value"] == NUMBER
    status = patient["identifier"][0]["extension"][0]["valueCodeableConcept"]
    assert status["coding"][0]["code"] == "01"
    (name,) = patient["name"]
    assert (name["use"], name["family"], name["given"]) == ("official", person.family, list(person.given))
    assert (patient["birthDate"], patient["gender"]) == (person.birth_date, person.gender)
    details = {one["url"]: one for one in patient["extension"][0]["extension"]}
    assert details["registrationType"]["valueCodeableConcept"]["coding"][0]["code"] == "R"
    assert not NEVER & set(patient)
    answer = await reception.ask("rest:read:patient-1", f"/Patient/{patient['id']}", READ)
    assert (answer.json(), answer.headers["etag"]) == (patient, 'W/"1"')


async def test_references_of_a_patient_lead_somewhere(reception):
    patient = await found_patient(reception, NUMBER)
    details = {one["url"]: one for one in patient["extension"][0]["extension"]}
    branch = details["preferredBranchSurgery"]["valueReference"]["reference"]
    place = (await reception.ask("rest:read:location-1", f"/{branch}", ORGANISATION)).json()
    assert place["address"]["line"]
    for operation, reference in (
        ("rest:read:organization-1", patient["managingOrganization"]["reference"]),
        ("rest:read:organization-1", place["managingOrganization"]["reference"]),
        ("rest:read:practitioner-1", patient["generalPractitioner"][0]["reference"]),
    ):
        assert (await reception.ask(operation, f"/{reference}", ORGANISATION)).status_code == 200


@pytest.mark.parametrize(
    "scenario",
    ["restricted", "not_at_practice", "inherited_fields", "lapsed_record", "untraced_other", "deceased"],
)
async def test_nobody_is_an_empty_bundle_and_no_error(reception, scenario):
    assert found(await reception.find(BY_NAME[scenario].nhs_number)) == []


async def test_who_was_never_traced_is_traced_first(reception):
    assert found(await reception.find(BY_NAME["untraced"].nhs_number))


async def test_whom_nobody_may_read(reception):
    for scenario in ("restricted", "lapsed_record"):
        patient = reception.patient_id(BY_NAME[scenario].nhs_number)
        answer = await reception.ask("rest:read:patient-1", f"/Patient/{patient}", READ)
        assert refused(answer) == (404, "PATIENT_NOT_FOUND")


@pytest.mark.parametrize(
    ("operation", "path", "scope", "identifier", "expected"),
    [
        ("rest:search:patient-1", "/Patient", READ, f"{NHS_NUMBER}|9990000019", "INVALID_NHS_NUMBER"),
        ("rest:search:patient-1", "/Patient", READ, f"{NHS_NUMBER}|", "INVALID_IDENTIFIER_VALUE"),
        ("rest:search:patient-1", "/Patient", READ, NUMBER, "INVALID_IDENTIFIER_VALUE"),
        ("rest:search:patient-1", "/Patient", READ, f"urn:x|{NUMBER}", "INVALID_IDENTIFIER_SYSTEM"),
        (
            "rest:search:practitioner-1",
            "/Practitioner",
            ORGANISATION,
            f"{USER}|?",
            "INVALID_IDENTIFIER_VALUE",
        ),
        (
            "rest:search:practitioner-1",
            "/Practitioner",
            ORGANISATION,
            "urn:x|5550",
            "INVALID_IDENTIFIER_SYSTEM",
        ),
        ("rest:search:organization-1", "/Organization", ORGANISATION, f"{ODS}|?", "INVALID_IDENTIFIER_VALUE"),
        ("rest:search:organization-1", "/Organization", ORGANISATION, "urn:x|A", "INVALID_IDENTIFIER_SYSTEM"),
        ("rest:search:organization-1", "/Organization", ORGANISATION, None, "BAD_REQUEST"),
    ],
)
async def test_an_identifier_that_breaks_a_rule(reception, operation, path, scope, identifier, expected):
    query = [("identifier", identifier)] if identifier else []
    assert refused(await reception.ask(operation, path, scope, query=query)) == (400, expected)


@pytest.mark.parametrize(
    ("operation", "path", "scope", "code"),
    [
        ("rest:read:patient-1", "/Patient/no", READ, "PATIENT_NOT_FOUND"),
        ("rest:read:practitioner-1", "/Practitioner/no", ORGANISATION, "PRACTITIONER_NOT_FOUND"),
        ("rest:read:organization-1", "/Organization/no", ORGANISATION, "ORGANISATION_NOT_FOUND"),
        ("rest:read:location-1", "/Location/no", ORGANISATION, "NO_RECORD_FOUND"),
    ],
)
async def test_an_unknown_id(reception, operation, path, scope, code):
    assert refused(await reception.ask(operation, path, scope)) == (404, code)


async def test_practitioners_are_found_by_user_id_and_their_names_come_in_two_forms(reception):
    async def by_user(user):
        query = [("identifier", f"{USER}|{user}")]
        return found(
            await reception.ask("rest:search:practitioner-1", "/Practitioner", ORGANISATION, query=query)
        )

    staff = reception.diary.premises.staff
    (structured,) = await by_user(staff[0].user_id)
    assert structured["name"][0]["family"] == "Gilbert"
    assert "text" not in structured["name"][0]
    assert structured["gender"] == "female"
    (text_only,) = await by_user(staff[4].user_id)
    assert text_only["name"][0].keys() == {"use", "text"}
    assert await by_user("999999999999") == []


async def test_an_organisation_is_found_by_its_code_at_its_own_practice(reception):
    async def by_code(code):
        query = [("identifier", f"{ODS}|{code}")]
        return found(
            await reception.ask("rest:search:organization-1", "/Organization", ORGANISATION, query=query)
        )

    (practice,) = await by_code("A99001")
    assert (practice["name"], bool(practice["telecom"])) == ("Sandbox Medical Centre", True)
    assert await by_code("A99002") == []


async def test_each_root_says_what_it_offers(consumer):
    async def rest(ods, name):
        interaction = f"urn:nhs:names:services:gpconnect:{name}"
        root, asid = await consumer.route(ods, interaction)
        answer = await consumer.record(
            "",
            root=root,
            asid=asid,
            interaction=interaction,
            method="GET",
            path="/metadata",
            claim={"requested_scope": ORGANISATION},
        )
        statement = answer.json()
        assert (statement["version"], statement["acceptUnknown"]) == (
            "1.2.7" if ods == "A99002" else "1.6.2",
            "both",
        )
        return {one["type"]: one for one in statement["rest"][0].get("resource", [])}

    offered = await rest("A99002", "fhir:rest:read:metadata-1")
    assert {code["code"] for code in offered["Appointment"]["interaction"]} == {
        "read",
        "create",
        "update",
        "search-type",
    }
    assert offered["Appointment"]["updateCreate"] is False
    assert [one["name"] for one in offered["Slot"]["searchParam"]] == [
        "start",
        "end",
        "status",
        "searchFilter",
    ]
    assert "Slot" not in await rest("A99010", "fhir:rest:read:metadata-1")
    assert not await rest("A99001", "structured:fhir:rest:read:metadata-1")
