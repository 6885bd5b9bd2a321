"""A practice's care record: what version 0 must be asked with, and what its pages hold."""

import json
import time

import pytest
import pytest_asyncio

from bridge.sandbox import BY_NAME, HOSPITAL, FaultKind, InjectedFault
from tests.integration.sandbox.consumer import Consumer, unsigned

pytestmark = pytest.mark.asyncio(loop_scope="module")

PREFIX = "urn:nhs:names:services:gpconnect:fhir:"
RECORD, METADATA = PREFIX + "operation:gpc.getcarerecord", PREFIX + "rest:read:metadata"
MEDIA_TYPE = "application/json+fhir"
NHS_NUMBER = "http://fhir.nhs.net/Id/nhs-number"
ODS = "http://fhir.nhs.net/Id/ods-organization-code"
SYSTEM = "http://fhir.nhs.net/ValueSet/gpconnect-error-or-warning-code-1"
RICH = BY_NAME["rich_record"].nhs_number
CODES = ("SUM", "ENC", "CLI", "PRB", "ALL", "MED", "REF", "OBS", "IMM", "ADM")


def claims(number, **changed):
    now = int(time.time())
    record = {"resourceType": "Patient", "identifier": [{"system": NHS_NUMBER, "value": number}]}
    sound = {
        "iss": "https://gpconnect.rzz01.example",
        "sub": "user-7",
        "aud": "https://authorize.fhir.nhs.net/token",
        "iat": now,
        "exp": now + 300,
        "reason_for_request": "directcare",
        "requested_scope": "patient/*.read",
        "requested_record": record,
        "requesting_device": {
            "resourceType": "Device",
            "id": "1",
            "identifier": [{"system": "https://x.example", "value": "1"}],
            "model": "bridge",
            "version": "1",
        },
        "requesting_organization": {
            "resourceType": "Organization",
            "id": "1",
            "name": HOSPITAL.name,
            "identifier": [{"system": ODS, "value": HOSPITAL.ods}],
        },
        "requesting_practitioner": {
            "resourceType": "Practitioner",
            "id": "user-7",
            "name": {"family": ["Doe"], "given": ["Jo"]},
            "identifier": [
                {"system": "http://fhir.nhs.net/sds-user-id", "value": "UNK"},
                {"system": "https://x.example", "value": "user-7"},
            ],
            "practitionerRole": [
                {
                    "role": {
                        "coding": [
                            {"system": "http://fhir.nhs.net/ValueSet/sds-job-role-name-1", "code": "UNK"}
                        ]
                    }
                }
            ],
        },
    }
    return {name: value for name, value in {**sound, **changed}.items() if value is not ...}


def parameters(number, section, period=None):
    coding = {"system": "http://fhir.nhs.net/ValueSet/gpconnect-record-section-1", "code": section}
    sent = [
        {"name": "patientNHSNumber", "valueIdentifier": {"system": NHS_NUMBER, "value": number}},
        {"name": "recordSection", "valueCodeableConcept": {"coding": [coding]}},
    ]
    if period is not None:
        sent.append({"name": "timePeriod", "valuePeriod": period})
    return {"resourceType": "Parameters", "parameter": sent}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ways(shared):
    """Root and ASID by practice, looked up once."""
    sandbox, http = shared
    consumer = Consumer(sandbox, http)
    return {ods: await consumer.route(ods, RECORD) for ods in ("A99001", "A99002", "A99003")}


@pytest.fixture
def section(consumer, ways):
    """Asks for a section."""

    async def ask(
        name="rich_record", code="ENC", period=None, *, body=None, claim=None, headers=None, ods=None
    ):
        number = BY_NAME[name].nhs_number
        root, asid = ways[ods or BY_NAME[name].practice.ods]
        return await consumer.record(
            number,
            root=root,
            asid=asid,
            token=unsigned(claims(number, **(claim or {}))),
            body=json.dumps(parameters(number, code, period) if body is None else body).encode(),
            path="/Patient/$gpc.getcarerecord",
            interaction=RECORD,
            headers={"accept": MEDIA_TYPE, "content-type": f"{MEDIA_TYPE};charset=utf-8"} | (headers or {}),
        )

    return ask


def page(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(MEDIA_TYPE)
    (composition,) = [
        entry["resource"]
        for entry in answer.json()["entry"]
        if entry["resource"]["resourceType"] == "Composition"
    ]
    return composition["section"][0]["text"]["div"]


def refusal(answer):
    coding = answer.json()["issue"][0]["details"]["coding"][0]
    assert coding["system"] == SYSTEM
    assert "display" not in coding
    return answer.status_code, coding["code"]


@pytest.mark.parametrize("code", CODES)
async def test_every_section_is_there(section, consumer, code):
    assert page(await section(code=code)).startswith('<div xmlns="http://www.w3.org/1999/xhtml"><h1>')
    (call,) = consumer.sandbox.calls.of("practice")
    assert call.remarks == []


@pytest.mark.parametrize(
    ("code", "period", "shown", "not_shown", "banner"),
    [
        ("ENC", None, "04-Jul-2021", "No '", "All relevant items"),
        ("ENC", {"start": "2025-01-01"}, "14-Oct-2025", "04-Jul-2021", "Data items from 01-Jan-2025"),
        ("ENC", {"end": "2022-01-01"}, "04-Jul-2021", "14-Oct-2025", "Data items until 01-Jan-2022"),
        (
            "ENC",
            {"start": "2024-10-07", "end": "2024-10-07"},
            "07-Oct-2024",
            "14-Oct-2025",
            "For the period '07-Oct-2024' to '07-Oct-2024'",
        ),
        ("PRB", {"start": "2025-01-01"}, "Essential hypertension", "Pneumonia", "Date filter not applied"),
        ("ENC", {"start": "2026-01-01"}, "No 'Encounters' data is recorded", "<table", "Data items from"),
    ],
)
async def test_a_period_narrows_what_it_applies_to(section, code, period, shown, not_shown, banner):
    found = page(await section(code=code, period=period))
    assert shown in found
    assert not_shown not in found
    assert f'<div class="date-banner"><p>{banner}' in found


@pytest.mark.parametrize("code", ["SUM", "ALL", "IMM"])
async def test_a_period_is_refused_where_there_is_none(section, code):
    period = {"start": "2025-01-01"}
    assert refusal(await section(code=code, period=period)) == (422, "INVALID_PARAMETER")
    older = await section("no_consent_older", code, period)
    assert refusal(older) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"code": "enc"}, (422, "INVALID_PARAMETER")),
        ({"code": "PAT"}, (422, "INVALID_PARAMETER")),
        ({"period": {"start": "2025-02-01", "end": "2025-01-01"}}, (422, "INVALID_PARAMETER")),
        ({"period": {"start": "2025-02"}}, (422, "INVALID_PARAMETER")),
        ({"period": {}}, (422, "INVALID_PARAMETER")),
        ({"body": {"resourceType": "Bundle"}}, (400, "BAD_REQUEST")),
        ({"body": {"resourceType": "Parameters"}}, (422, "INVALID_RESOURCE")),
        ({"body": {"resourceType": "Parameters", "parameter": []}}, (422, "INVALID_PARAMETER")),
        ({"headers": {"content-type": "application/fhir+json"}}, (415, "UNSUPPORTED_MEDIA_TYPE")),
        ({"headers": {"accept": "application/xml+fhir"}}, (415, "UNSUPPORTED_MEDIA_TYPE")),
        ({"claim": {"aud": "https://gp.example"}}, (400, "BAD_REQUEST")),
        ({"claim": {"requested_record": ...}}, (400, "BAD_REQUEST")),
        ({"claim": {"requested_record": {"resourceType": "Organization"}}}, (400, "BAD_REQUEST")),
        ({"claim": claims("9990000026") | {}}, (400, "BAD_REQUEST")),
        ({"claim": {"requested_scope": "patient/*.read conf/N"}}, (400, "BAD_REQUEST")),
        ({"claim": {"requesting_device": claims(RICH)["requesting_organization"]}}, (400, "BAD_REQUEST")),
        ({"ods": "A99002"}, (403, "NON_AUTHORITATIVE")),
        ({"name": "not_at_practice"}, (404, "PATIENT_NOT_FOUND")),
        ({"name": "no_consent"}, (403, "NO_PATIENT_CONSENT")),
    ],
)
async def test_a_broken_rule_is_answered_in_the_dialect_of_version_0(section, change, refused):
    assert refusal(await section(**change)) == refused


async def test_it_is_switched_on_where_version_1_is_not(section):
    assert "Encounters" in page(await section("capability_off"))


async def test_a_fault_may_be_one_section_s(section, consumer):
    consumer.sandbox.fault(f"{RICH}/OBS", InjectedFault(FaultKind.STATUS, times=1))
    assert refusal(await section(code="OBS")) == (500, "INTERNAL_SERVER_ERROR")
    assert "Observations" in page(await section(code="OBS"))
    assert "Encounters" in page(await section(code="ENC"))


@pytest.mark.parametrize(
    ("name", "code", "shown"),
    [
        ("withheld_items", "OBS", "Items excluded due to confidentiality and/or patient preferences"),
        ("record_in_transit", "MED", "information recorded before 14-Oct-2025 may be missing"),
        ("empty_record", "ENC", "No 'Encounters' data is recorded for this patient."),
        ("html_absences", "REF", "Access is denied to 'Referrals' data for this patient."),
        ("html_absences", "OBS", "This system does not support retrieval of 'Observations' data."),
        ("html_absences", "ADM", "'Administrative Items' data is not supported by this system."),
        ("html_emis_like", "ADM", "<td colspan=\"3\"><p>'Administrative Items' data is not supported"),
        ("html_vision_like", "ALL", "'Historical Allergies and Adverse Reactions' data is not supported"),
        ("html_default_period", "ENC", "All data items from 20-Nov-2024"),
        ("html_default_period", "MED", "Date filter not applied"),
        ("html_vision_like", "SUM", "<h1>Summary</h1><div><h2>Last 3 Encounters</h2>"),
        ("html_older", "ENC", "Sensitive data has been excluded"),
        ("html_older", "ENC", '<td class="date-column">14 Oct 2025</td>'),
        ("html_malformed", "MED", "<p><table"),
        ("html_malformed", "ENC", "<thead><th>"),
        ("html_hostile", "ENC", "<script>"),
        ("html_columns", "ENC", "<th>Recorded By</th><th>Details</th><th></th>"),
    ],
)
async def test_each_trap_is_there(section, name, code, shown):
    assert shown in page(await section(name, code))


async def test_the_large_section_has_two_megabytes(section):
    assert len(page(await section("html_large"))) > 2_000_000


async def test_the_conformance_says_what_is_offered(consumer, ways):
    root, asid = ways["A99001"]
    record = {"resourceType": "Organization", "identifier": [{"system": ODS, "value": "A99001"}]}
    changes = {"requested_record": record, "requested_scope": "organization/*.read"}
    answer = await consumer.record(
        RICH,
        root=root,
        asid=asid,
        token=unsigned(claims(RICH, **changes)),
        method="GET",
        path="/metadata",
        interaction=METADATA,
        headers={"accept": MEDIA_TYPE},
    )
    assert answer.json()["resourceType"] == "Conformance"
    assert answer.json()["fhirVersion"] == "1.0.2"
