"""Whether the bearer token of a call is what the specification asks for (spine.md §7, SP-P05 to SP-P07)."""

import base64
import json
import time
from typing import Any

Json = dict[str, Any]

_ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
_SDS_USER = "https://fhir.nhs.uk/Id/sds-user-id"
_SDS_ROLE = "https://fhir.nhs.uk/Id/sds-role-profile-id"
_LIFETIME = 300
_PARTS = 3
_CLAIMS: dict[str, type] = {
    "iss": str,
    "sub": str,
    "aud": str,
    "exp": int,
    "iat": int,
    "reason_for_request": str,
    "requested_scope": str,
    "requesting_device": dict,
    "requesting_organization": dict,
    "requesting_practitioner": dict,
}


class BadToken(Exception):  # noqa: N818 - named for what it is about
    """A rule that the token breaks, and the Spine code it is answered with."""

    def __init__(self, rule: str, code: str = "BAD_REQUEST") -> None:
        super().__init__(rule)
        self.code = code


def read_claims(authorization: str) -> Json:
    """The claims of an ``Authorization`` header.

    Raises:
        BadToken: not three parts, signed, or not JSON.
    """
    scheme, _, token = authorization.partition(" ")
    parts = token.split(".")
    if scheme != "Bearer" or len(parts) != _PARTS:
        raise BadToken("Authorization must be a bearer token of three parts")
    header, claims = _json_part(parts[0]), _json_part(parts[1])
    if header.get("alg") != "none" or parts[2]:
        raise BadToken("the token must be unsigned: alg none and an empty signature")
    if header.get("typ") != "JWT":
        raise BadToken("the token must be of type JWT")
    return claims


def check_claims(claims: Json, *, root: str, scope: str) -> None:
    """Every claim by its rule. `root` is the service root called, `scope` what the operation needs.

    Raises:
        BadToken: naming the first rule that is broken.
    """
    check_common(claims, scopes={scope, f"{scope} conf/N", f"conf/N {scope}"})
    if "requested_record" in claims:
        raise BadToken("claim requested_record belongs to version 0 only")
    if claims["aud"] != root:
        raise BadToken("claim aud must be the service root called")
    check_device(claims["requesting_device"])
    check_organisation(claims["requesting_organization"], _ODS)
    _check_practitioner(claims["requesting_practitioner"], claims["sub"])


def check_common(claims: Json, *, scopes: set[str]) -> None:
    """What is the same in every version. `scopes` are the ways in which the right one may be written.

    Raises:
        BadToken: naming the first rule that is broken.
    """
    for name, kind in _CLAIMS.items():
        value = claims.get(name)
        if not isinstance(value, kind) or isinstance(value, bool) or not value:
            raise BadToken(f"claim {name} is missing, empty or of the wrong type")
    if claims["exp"] - claims["iat"] != _LIFETIME:
        raise BadToken("claim exp must be iat and five minutes")
    if claims["exp"] < time.time():
        raise BadToken("the token has expired")
    if claims["reason_for_request"] != "directcare":
        raise BadToken("claim reason_for_request must be directcare")
    if claims["requested_scope"] not in scopes:
        raise BadToken("claim requested_scope does not fit the operation")


def remarks(claims: Json) -> list[str]:
    """What providers let pass in the field, and a consumer should send all the same."""
    systems = {item.get("system") for item in identifiers(claims["requesting_practitioner"])}
    found = []
    if claims["iat"] > time.time() + 1:
        found.append("SP-057: iat is in the future")
    if _SDS_ROLE not in systems:
        found.append("SP-075: no SDS role profile id")
    if not systems - {_SDS_USER, _SDS_ROLE}:
        found.append("SP-076: no local user identifier")
    return found


def _json_part(part: str) -> Json:
    if "=" in part:
        raise BadToken("the token must be base64url without padding")
    try:
        value = json.loads(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True))
    except ValueError:
        raise BadToken("the token is not base64url of JSON") from None
    if not isinstance(value, dict):
        raise BadToken("the token must hold JSON objects")
    return value


def check_resource(value: Json, resource_type: str) -> None:
    """A claim that is a resource is one of its kind."""
    if value.get("resourceType") != resource_type:
        raise BadToken(f"a {resource_type} is expected in its claim")


def identifiers(value: Json) -> list[Json]:
    """Those of a resource, whatever else stands among them."""
    sent = value.get("identifier")
    return [item for item in sent if isinstance(item, dict)] if isinstance(sent, list) else []


def check_device(device: Json) -> None:
    """The claim `requesting_device`."""
    check_resource(device, "Device")
    complete = any(item.get("system") and item.get("value") for item in identifiers(device))
    if not (complete and device.get("model") and device.get("version")):
        raise BadToken("requesting_device needs identifier, model and version", "INVALID_RESOURCE")


def check_organisation(organisation: Json, ods_system: str) -> None:
    """The claim `requesting_organization`."""
    check_resource(organisation, "Organization")
    sent = identifiers(organisation)
    ods = [item for item in sent if item.get("system") == ods_system and item.get("value")]
    if not ods or not organisation.get("name"):
        raise BadToken("requesting_organization needs name and ODS code", "INVALID_RESOURCE")


def _check_practitioner(practitioner: Json, subject: str) -> None:
    check_resource(practitioner, "Practitioner")
    if practitioner.get("id") != subject:
        raise BadToken("claim sub must be the id of requesting_practitioner")
    names = practitioner.get("name")
    name = names[0] if isinstance(names, list) and names and isinstance(names[0], dict) else {}
    if not isinstance(name.get("family"), str) or not isinstance(name.get("given"), list):
        raise BadToken("requesting_practitioner needs family and given names", "INVALID_RESOURCE")
    user = [item for item in identifiers(practitioner) if item.get("system") == _SDS_USER]
    if not user or not user[0].get("value"):
        raise BadToken("requesting_practitioner needs an SDS user id, or UNK", "INVALID_IDENTIFIER_VALUE")
