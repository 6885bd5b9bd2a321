import base64
from typing import Any

import orjson
import pytest

from bridge.contracts.requests import Requester
from bridge.spine.interactions import FOUNDATIONS_METADATA, STRUCTURED_METADATA, STRUCTURED_RECORD
from bridge.spine.tokens import TokenIssuer
from tests.support.requests import record_request

NOW = 1_795_333_119
ROOT = "https://gp.example.nhs.uk/A82038/STU3/1/gpconnect/structured"

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


def token(requested_by: Requester | None = None, scope: str = STRUCTURED_RECORD.scope) -> str:
    return ISSUER.token(requested_by or requester(), audience=ROOT, scope=scope, now=NOW)


def decoded(part: str) -> dict[str, Any]:
    parsed: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return parsed


def claims(requested_by: Requester | None = None) -> dict[str, Any]:
    return decoded(token(requested_by).split(".")[1])


@pytest.mark.duty("SP-062")
def test_it_has_three_parts_and_the_signature_is_empty():
    header, payload, signature = token().split(".")

    assert signature == ""
    assert decoded(header) == {"alg": "none", "typ": "JWT"}
    assert "=" not in header + payload


@pytest.mark.duty(
    "SP-063", "SP-064", "SP-066", "SP-068", "SP-069", "SP-071", "SP-072", "SP-073", "CS-016", "JO-025"
)
def test_it_carries_every_claim_and_no_other():
    assert claims() == {
        "iss": "https://consumer.example.nhs.uk/spine",
        "sub": "u-481",
        "aud": ROOT,
        "iat": NOW,
        "exp": NOW + 300,
        "reason_for_request": "directcare",
        "requested_scope": "patient/*.read",
        "requesting_device": {
            "resourceType": "Device",
            "identifier": [
                {"system": "https://supplier.example.com/Id/device-identifier", "value": "bridge-01"}
            ],
            "model": "gpconnect-bridge",
            "version": "0.1.0",
        },
        "requesting_organization": {
            "resourceType": "Organization",
            "name": "Example Hospital",
            "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "RXX"}],
        },
        "requesting_practitioner": {
            "resourceType": "Practitioner",
            "id": "u-481",
            "name": [{"family": "Patel", "given": ["Asha"], "prefix": ["Dr"]}],
            "identifier": [
                {"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "555021935107"},
                {"system": "https://fhir.nhs.uk/Id/sds-role-profile-id", "value": "555254242106"},
                {"system": "https://supplier.example.com/Id/user-guid", "value": "u-481"},
            ],
        },
    }


@pytest.mark.duty("SP-067")
def test_it_lives_five_minutes_counted_in_whole_seconds():
    times = claims()

    assert isinstance(times["iat"], int)
    assert isinstance(times["exp"], int)
    assert times["exp"] - times["iat"] == 300


@pytest.mark.duty("SP-065", "SP-076", "SP-077")
def test_it_names_the_person_who_asks():
    mine = claims(requester(user_id="u-7", family_name="Okafor", given_names=["Chidi", "Ben"], prefix=None))

    practitioner = mine["requesting_practitioner"]
    assert mine["sub"] == practitioner["id"] == practitioner["identifier"][2]["value"] == "u-7"
    assert practitioner["name"] == [{"family": "Okafor", "given": ["Chidi", "Ben"]}]


@pytest.mark.duty("SP-074", "SP-075")
def test_without_a_smartcard_the_national_ids_are_unknown():
    practitioner = claims(requester(sds_user_id=None, sds_role_profile_id=None))["requesting_practitioner"]

    assert [identifier["value"] for identifier in practitioner["identifier"]] == ["UNK", "UNK", "u-481"]


@pytest.mark.duty("SP-072", "SP-033")
def test_the_organisation_is_where_the_request_comes_from():
    elsewhere = requester(organisation={"ods_code": "RYY", "name": "Other Hospital"})

    assert claims(elsewhere)["requesting_organization"]["identifier"][0]["value"] == "RYY"


@pytest.mark.duty("SP-069", "SP-070")
def test_scopes_follow_the_interaction_and_never_ask_for_confidential_items():
    assert STRUCTURED_RECORD.scope == "patient/*.read"
    assert FOUNDATIONS_METADATA.scope == STRUCTURED_METADATA.scope == "organization/*.read"
