"""Whether the bearer token of a call of version 0 is what that version asks for (spine.md §7, SP-P06)."""

from typing import Any

from bridge.sandbox.spine.tokens import (
    BadToken,
    check_common,
    check_device,
    check_organisation,
    check_resource,
    identifiers,
)

Json = dict[str, Any]

_AUDIENCE = "https://authorize.fhir.nhs.net/token"
_NHS_NUMBER = "http://fhir.nhs.net/Id/nhs-number"
_ODS = "http://fhir.nhs.net/Id/ods-organization-code"
_SDS_USER = "http://fhir.nhs.net/sds-user-id"
_JOB_ROLE = "http://fhir.nhs.net/ValueSet/sds-job-role-name-1"


def check_claims(claims: Json, *, scope: str) -> None:
    """Every claim by its rule, but for whose record is meant. `scope` is what the operation needs.

    Raises:
        BadToken: naming the first rule that is broken.
    """
    check_common(claims, scopes={scope})
    if claims["aud"] != _AUDIENCE:
        raise BadToken("claim aud must be the fixed address of version 0")
    if not isinstance(claims.get("requested_record"), dict):
        raise BadToken("claim requested_record is missing or of the wrong type")
    check_device(claims["requesting_device"])
    check_organisation(claims["requesting_organization"], _ODS)
    for name in ("requesting_device", "requesting_organization"):
        if not claims[name].get("id"):
            raise BadToken(f"{name} needs an id", "INVALID_RESOURCE")
    _check_practitioner(claims["requesting_practitioner"], claims["sub"])


def check_requested_record(claims: Json, *, nhs_number: str | None) -> None:
    """The claim names the patient of the body, or an organisation when there is none.

    Raises:
        BadToken: another patient, or another kind of record.
    """
    record = claims["requested_record"]
    check_resource(record, "Patient" if nhs_number else "Organization")
    sent = {item.get("system"): item.get("value") for item in identifiers(record)}
    if nhs_number and sent.get(_NHS_NUMBER) != nhs_number:
        raise BadToken("claim requested_record is not the patient of the body")
    if not nhs_number and not sent.get(_ODS):
        raise BadToken("claim requested_record needs an ODS code")


def remarks(claims: Json) -> list[str]:
    """What providers let pass in the field, and a consumer should send all the same (SP-P07)."""
    practitioner = claims["requesting_practitioner"]
    found = []
    if {item.get("system") for item in identifiers(practitioner)} <= {_SDS_USER}:
        found.append("SP-076: no local user identifier")
    roles = practitioner.get("practitionerRole")
    codings = [
        coding
        for role in (roles if isinstance(roles, list) else [])
        for coding in role.get("role", {}).get("coding", [])
    ]
    if not any(coding.get("system") == _JOB_ROLE and coding.get("code") for coding in codings):
        found.append("SP-079: no SDS job role")
    return found


def _check_practitioner(practitioner: Json, subject: str) -> None:
    check_resource(practitioner, "Practitioner")
    if practitioner.get("id") != subject:
        raise BadToken("claim sub must be the id of requesting_practitioner")
    name = practitioner.get("name")
    lists = [isinstance(name, dict) and isinstance(name.get(part), list) for part in ("family", "given")]
    if not all(lists):
        raise BadToken("requesting_practitioner needs one name with lists of names", "INVALID_RESOURCE")
    user = [item for item in identifiers(practitioner) if item.get("system") == _SDS_USER]
    if not user or not user[0].get("value"):
        raise BadToken("requesting_practitioner needs an SDS user id, or UNK", "INVALID_IDENTIFIER_VALUE")
