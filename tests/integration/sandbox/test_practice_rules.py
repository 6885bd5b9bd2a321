"""Each rule that a practice enforces, broken on its own (spine.md §11.5, structured.md §1)."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from bridge.record.dates import uk_day
from tests.integration.sandbox.consumer import (
    BOTH_AREAS,
    FHIR,
    claims,
    parameters,
    patient_parameter,
    unsigned,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBER = "9990000018"
# Two days away: a run that goes on past midnight is still before, and after, them.
SOON = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
LATELY = (datetime.now(UTC) - timedelta(days=2)).date().isoformat()


def error(answer):
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["meta"]["profile"][0].endswith("GPConnect-OperationOutcome-1")
    (issue,) = outcome["issue"]
    assert issue["severity"] == "error"
    assert issue["diagnostics"]
    (coding,) = issue["details"]["coding"]
    assert coding["system"] == "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1"
    assert NUMBER not in answer.text
    return answer.status_code, coding["code"]


def part(area, name, **value):
    return {"name": area, "part": [{"name": name, **value}]}


ALLERGIES, MEDICATION = BOTH_AREAS
WRONG: tuple[object, ...] = (..., None, [])
"""A claim left out, null, and of no type that any claim has."""


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"ssp-traceid": None}, (400, "BAD_REQUEST")),
        ({"ssp-traceid": "not-a-uuid"}, (400, "BAD_REQUEST")),
        ({"authorization": None}, (400, "BAD_REQUEST")),
        ({"accept": "application/fhir+xml"}, (415, "UNSUPPORTED_MEDIA_TYPE")),
        ({"accept": "text/html"}, (415, "UNSUPPORTED_MEDIA_TYPE")),
        ({"content-type": "application/json"}, (415, "UNSUPPORTED_MEDIA_TYPE")),
        ({"content-type": "application/xml"}, (415, "UNSUPPORTED_MEDIA_TYPE")),
    ],
)
async def test_headers(consumer, headers, expected):
    assert error(await consumer.record(NUMBER, headers=headers)) == expected


@pytest.mark.parametrize("name", ["ssp-from", "ssp-to", "ssp-interactionid"])
async def test_headers_that_the_proxy_would_not_let_pass_are_needed_by_the_practice_too(consumer, name):
    root, asid = await consumer.route("A99001")
    sent = {
        "ssp-traceid": "6e6e6e6e-0000-4000-8000-000000000001",
        "ssp-from": consumer.asid,
        "ssp-to": asid,
        "ssp-interactionid": "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1",
        "authorization": f"Bearer {unsigned(claims(root))}",
        "content-type": FHIR,
    }
    url = f"{root}/Patient/$gpc.getstructuredrecord"
    sound = await consumer.http.post(url, headers=sent, json=parameters(NUMBER))
    assert sound.status_code == 200
    for wrong in ("", "999900001002", sent[name].upper() + "x"):
        answer = await consumer.http.post(url, headers={**sent, name: wrong}, json=parameters(NUMBER))
        if name == "ssp-from" and wrong:
            assert answer.status_code == 200  # who may ask is for the proxy to say
        else:
            assert error(answer) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        *(
            ({name: value}, "BAD_REQUEST")
            for name in (
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
            for value in WRONG
        ),
        ({"aud": "https://other.example/A99001/STU3/1/gpconnect/structured"}, "BAD_REQUEST"),
        ({"exp": 301, "iat": 1}, "BAD_REQUEST"),
        ({"exp": 4102444800, "iat": 4102444800 - 299}, "BAD_REQUEST"),
        ({"exp": 4102444800, "iat": 4102444800 - 301}, "BAD_REQUEST"),
        ({"reason_for_request": "migration"}, "BAD_REQUEST"),
        ({"requested_scope": "organization/*.read"}, "BAD_REQUEST"),
        ({"requested_scope": "patient/*.read conf/R"}, "BAD_REQUEST"),
        ({"requested_scope": "patient/*.write"}, "BAD_REQUEST"),
        ({"requested_record": {"resourceType": "Patient"}}, "BAD_REQUEST"),
        ({"sub": "somebody-else"}, "BAD_REQUEST"),
        ({"requesting_device": {"resourceType": "Patient"}}, "BAD_REQUEST"),
        ({"requesting_device": {"resourceType": "Device"}}, "INVALID_RESOURCE"),
        ({"requesting_organization": {"resourceType": "Organization", "name": "X"}}, "INVALID_RESOURCE"),
        (
            {
                "requesting_practitioner": {
                    "resourceType": "Practitioner",
                    "id": "user-7",
                    "name": [{"family": "Doe", "given": ["Jo"]}],
                }
            },
            "INVALID_IDENTIFIER_VALUE",
        ),
        ({"requesting_practitioner": {"resourceType": "Practitioner", "id": "user-7"}}, "INVALID_RESOURCE"),
    ],
)
async def test_claims(consumer, changed, code):
    assert error(await consumer.record(NUMBER, claim=changed))[1] == code


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token.rstrip("."),
        lambda token: token + "c2lnbmVk",
        lambda token: token.replace(".", "=.", 1),
        lambda token: "!" + token,
        lambda _: "a.b.",
        lambda _: unsigned([1, 2]),
        lambda token: unsigned({}, header={"alg": "HS256", "typ": "JWT"}),
        lambda token: unsigned({}, header={"alg": "none"}),
    ],
)
async def test_shape_of_the_token(consumer, spoil):
    root, asid = await consumer.route("A99001")
    token = spoil(unsigned(claims(root)))
    assert error(await consumer.record(NUMBER, root=root, asid=asid, token=token)) == (400, "BAD_REQUEST")


async def test_iat_is_not_held_against_the_clock_and_conf_n_is_allowed(consumer):
    future = 4102444800
    answer = await consumer.record(
        NUMBER, claim={"iat": future - 300, "exp": future, "requested_scope": "patient/*.read conf/N"}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", (400, "BAD_REQUEST")),
        (b"{", (400, "BAD_REQUEST")),
        (b"[]", (400, "BAD_REQUEST")),
        (b'{"resourceType":"Patient"}', (400, "BAD_REQUEST")),
        (b'{"resourceType":"Parameters"}', (422, "INVALID_RESOURCE")),
        (b'{"resourceType":"Parameters","parameter":[{"valueString":"x"}]}', (422, "INVALID_RESOURCE")),
    ],
)
async def test_body(consumer, body, expected):
    assert error(await consumer.record(NUMBER, body=body)) == expected


@pytest.mark.parametrize(
    ("areas", "code"),
    [
        # Nothing recognised
        (({"name": "includeSpaceships"},), "INVALID_PARAMETER"),
        # Allergies
        (({"name": "includeAllergies"},), "INVALID_PARAMETER"),
        ((part("includeAllergies", "includeResolvedAllergies"),), "INVALID_PARAMETER"),
        ((part("includeAllergies", "includeResolvedAllergies", valueString="true"),), "INVALID_PARAMETER"),
        ((ALLERGIES, ALLERGIES), "INVALID_PARAMETER"),
        # Medication
        ((part("includeMedication", "medicationSearchFromDate", valueDate="2020"),), "INVALID_PARAMETER"),
        (
            (part("includeMedication", "medicationSearchFromDate", valueDate="2020-02-31"),),
            "INVALID_PARAMETER",
        ),
        ((part("includeMedication", "medicationSearchFromDate", valueDate=SOON),), "INVALID_PARAMETER"),
        (
            (part("includeMedication", "medicationSearchFromDate", valueDateTime="2020-01-01"),),
            "INVALID_PARAMETER",
        ),
        ((part("includeMedication", "includePrescriptionIssues"),), "INVALID_PARAMETER"),
        ((part("includeMedication", "unheardOf"),), "INVALID_PARAMETER"),
        # Problems, consultations, the rest
        ((part("includeProblems", "filterStatus", valueCode="resolved"),), "INVALID_PARAMETER"),
        (
            (part("includeConsultations", "includeNumberOfMostRecent", valuePositiveInt=0),),
            "INVALID_PARAMETER",
        ),
        (
            (
                part(
                    "includeConsultations",
                    "consultationSearchPeriod",
                    valuePeriod={"start": "2020-02-01", "end": "2020-01-01"},
                ),
            ),
            "INVALID_PARAMETER",
        ),
        ((part("includeReferrals", "referralSearchPeriod", valuePeriod={}),), "INVALID_PARAMETER"),
        (
            (part("includeReferrals", "referralSearchPeriod", valuePeriod={"end": SOON}),),
            "INVALID_PARAMETER",
        ),
        ((part("includeDiaryEntries", "diaryEntriesSearchDate", valueDate=LATELY),), "INVALID_PARAMETER"),
        (
            (
                {
                    "name": "includeConsultations",
                    "part": [
                        {"name": "includeNumberOfMostRecent", "valuePositiveInt": 3},
                        {"name": "consultationSearchPeriod", "valuePeriod": {"start": "2020-01-01"}},
                    ],
                },
            ),
            "INVALID_RESOURCE",
        ),
    ],
)
async def test_parameters(consumer, areas, code):
    assert error(await consumer.record(NUMBER, *areas)) == (422, code)


SINCE = part("includeMedication", "medicationSearchFromDate", valueDate=LATELY)


@pytest.mark.parametrize(
    ("area", "other", "is_refused"),
    [
        *(
            (area, other, True)
            for area in ("includeConsultations", "includeProblems")
            for other in (
                SINCE,
                part(
                    "includeUncategorisedData",
                    "uncategorisedDataSearchPeriod",
                    valuePeriod={"start": "2020-01-01"},
                ),
                part("includeReferrals", "referralSearchPeriod", valuePeriod={"start": "2020-01-01"}),
                part("includeDiaryEntries", "diaryEntriesSearchDate", valueDate=SOON),
                part("includeImmunisations", "includeNotGiven", valueBoolean=True),
                part("includeImmunisations", "includeStatus", valueBoolean=True),
            )
        ),
        (
            "includeConsultations",
            part("includeProblems", "filterStatus", valueCode="active"),
            True,
        ),
        (
            "includeConsultations",
            part("includeInvestigations", "investigationSearchPeriod", valuePeriod={"start": "2020-01-01"}),
            False,
        ),
        ("includeProblems", MEDICATION, False),
        ("includeDiaryEntries", SINCE, False),
    ],
)
async def test_forbidden_combinations(consumer, area, other, is_refused):
    answer = await consumer.record(NUMBER, {"name": area}, other)
    if is_refused:
        assert error(answer) == (422, "INVALID_PARAMETER")
    else:
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("extra", [(), ("includeImmunisations", "includeUncategorisedData")])
async def test_the_predefined_searches_are_allowed_in_exactly_their_shape(consumer, extra):
    year_ago = (uk_day(datetime.now(UTC)) - timedelta(days=365)).isoformat()
    predefined = (
        part("includeConsultations", "includeNumberOfMostRecent", valuePositiveInt=3),
        {"name": "includeProblems"},
        ALLERGIES,
        part("includeMedication", "medicationSearchFromDate", valueDate=year_ago),
        *({"name": name} for name in extra),
    )
    assert (await consumer.record(NUMBER, *predefined)).status_code == 200
    other = part("includeConsultations", "includeNumberOfMostRecent", valuePositiveInt=4)
    assert error(await consumer.record(NUMBER, other, *predefined[1:])) == (422, "INVALID_PARAMETER")


def identifier(**changed):
    parameter = patient_parameter(NUMBER)
    parameter["valueIdentifier"] |= changed
    return parameter


@pytest.mark.parametrize(
    ("patients", "expected"),
    [
        ([], (422, "INVALID_PARAMETER")),
        ([identifier(), identifier()], (422, "INVALID_PARAMETER")),
        ([{"name": "patientNHSNumber", "valueString": "x"}], (422, "INVALID_PARAMETER")),
        ([identifier(system="https://example.org/mrn")], (400, "INVALID_IDENTIFIER_SYSTEM")),
        ([identifier(value="9990000019")], (400, "INVALID_NHS_NUMBER")),
        ([identifier(value="999")], (400, "INVALID_NHS_NUMBER")),
    ],
)
async def test_patient_parameter(consumer, patients, expected):
    body = {"resourceType": "Parameters", "parameter": [*patients, *BOTH_AREAS]}
    assert error(await consumer.record(NUMBER, body=json.dumps(body).encode())) == expected


async def test_verbs_paths_and_patients_of_others(consumer):
    root, asid = await consumer.route("A99001")
    route = {"root": root, "asid": asid}
    assert error(await consumer.record(NUMBER, method="GET", **route)) == (400, "BAD_REQUEST")
    assert error(await consumer.record(NUMBER, path="/Patient/$gpc.migratestructuredrecord", **route)) == (
        501,
        "NOT_IMPLEMENTED",
    )
    registered_elsewhere = await consumer.record(NUMBER, ods="A99005")
    assert error(registered_elsewhere) == (404, "PATIENT_NOT_FOUND")
    assert error(await consumer.record("9990000565", **route)) == (404, "PATIENT_NOT_FOUND")
    assert error(await consumer.record("9990000557", ods="A99003")) == (403, "ACCESS DENIED")
