"""The token of version 0, whose claims have other systems and shapes than those of version 1."""

import base64
from typing import Any

import orjson
import pytest

from bridge.contracts.requests import Requester
from bridge.spine.interactions import CARE_RECORD, CARE_RECORD_METADATA
from bridge.spine.tokens import TokenIssuer, organisation_record, patient_record
from tests.support.requests import record_request

NOW = 1_795_333_119
ISSUER = TokenIssuer(
    endpoint_url="https://consumer.example.nhs.uk/spine",
    identifier_system="https://supplier.example.com/",
    device_id="bridge-01",
    product="gpconnect-bridge",
    version="0.1.0",
)


def requester(**changes: Any) -> Requester:
    hospital = {"ods_code": "RXX", "name": "Example Hospital"}
    return Requester.model_validate(record_request()["requested_by"] | {"organisation": hospital} | changes)


def claims(requested_by: Requester | None = None, record: dict[str, Any] | None = None) -> dict[str, Any]:
    token = ISSUER.token_0(
        requested_by or requester(),
        requested_record=record or patient_record("9990000018"),
        scope=CARE_RECORD.scope,
        now=NOW,
    )
    header, payload, signature = token.split(".")
    assert signature == ""
    assert b'"none"' in base64.urlsafe_b64decode(header + "==")
    found: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


@pytest.mark.duty("SP-062", "SP-063", "SP-066", "SP-067", "SP-068", "SP-071", "SP-072", "SP-078", "HT-013")
def test_it_carries_the_eleven_claims_of_version_0():
    assert claims() == {
        "iss": "https://consumer.example.nhs.uk/spine",
        "sub": "u-481",
        "aud": "https://authorize.fhir.nhs.net/token",
        "iat": NOW,
        "exp": NOW + 300,
        "reason_for_request": "directcare",
        "requested_scope": "patient/*.read",
        "requested_record": {
            "resourceType": "Patient",
            "identifier": [{"system": "http://fhir.nhs.net/Id/nhs-number", "value": "9990000018"}],
        },
        "requesting_device": {
            "resourceType": "Device",
            "id": "bridge-01",
            "identifier": [
                {"system": "https://supplier.example.com/Id/device-identifier", "value": "bridge-01"}
            ],
            "model": "gpconnect-bridge",
            "version": "0.1.0",
        },
        "requesting_organization": {
            "resourceType": "Organization",
            "id": "RXX",
            "name": "Example Hospital",
            "identifier": [{"system": "http://fhir.nhs.net/Id/ods-organization-code", "value": "RXX"}],
        },
        "requesting_practitioner": {
            "resourceType": "Practitioner",
            "id": "u-481",
            "name": {"family": ["Patel"], "given": ["Asha"], "prefix": ["Dr"]},
            "identifier": [
                {"system": "http://fhir.nhs.net/sds-user-id", "value": "555021935107"},
                {"system": "https://supplier.example.com/Id/user-guid", "value": "u-481"},
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


@pytest.mark.duty("SP-079")
def test_the_job_role_of_the_smartcard_is_sent():
    practitioner = claims(requester(sds_job_role="R0260"))["requesting_practitioner"]
    assert practitioner["practitionerRole"][0]["role"]["coding"][0]["code"] == "R0260"


@pytest.mark.duty("SP-074")
def test_without_a_smartcard_the_national_id_is_unknown():
    practitioner = claims(requester(sds_user_id=None, prefix=None))["requesting_practitioner"]
    assert practitioner["identifier"][0]["value"] == "UNK"
    assert "prefix" not in practitioner["name"]


@pytest.mark.duty("SP-063", "SP-069")
def test_a_call_about_no_patient_is_for_an_organisation():
    assert CARE_RECORD_METADATA.scope == "organization/*.read"
    assert claims(record=organisation_record("A82038"))["requested_record"] == {
        "resourceType": "Organization",
        "identifier": [{"system": "http://fhir.nhs.net/Id/ods-organization-code", "value": "A82038"}],
    }
