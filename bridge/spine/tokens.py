"""The unsigned token that says, on every call, who asks for what and why (SP-060 to SP-077); and signing one.

Source: cross-organisation audit and provenance, GP Connect 1.2.7 and 1.6.2 (FHIR STU3), and 0.7.4 (DSTU2),
whose claims have other identifier systems, other shapes of a name, and say whose record is meant.
"""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA512

from bridge.contracts.requests import Requester
from bridge.values import dataclass

LIFETIME_SECONDS: Final = 300
"""``exp`` is exactly five minutes after ``iat``; providers refuse more and less (SP-067)."""

ODS_SYSTEM: Final = "https://fhir.nhs.uk/Id/ods-organization-code"
_SDS_USER_ID: Final = "https://fhir.nhs.uk/Id/sds-user-id"
_SDS_ROLE_PROFILE_ID: Final = "https://fhir.nhs.uk/Id/sds-role-profile-id"
_WITHOUT_SMARTCARD: Final = "UNK"

AUDIENCE_0: Final = "https://authorize.fhir.nhs.net/token"
"""``aud`` of every token of version 0, whoever is called (SP-066)."""

_NHS_NUMBER_0: Final = "http://fhir.nhs.net/Id/nhs-number"
_ODS_0: Final = "http://fhir.nhs.net/Id/ods-organization-code"
_SDS_USER_ID_0: Final = "http://fhir.nhs.net/sds-user-id"
"""Without ``/Id/`` in a token, unlike in resources: that is what providers check (SP-078)."""
_SDS_JOB_ROLE_0: Final = "http://fhir.nhs.net/ValueSet/sds-job-role-name-1"


@dataclass(frozen=True, slots=True)
class TokenIssuer:
    """This installation, as tokens describe it.

    Attributes:
        endpoint_url: URL of the consumer's Spine endpoint (SP-064).
        identifier_system: supplier URL under which device and local user ids are unique (SP-071, SP-076).
        device_id: which installation of the product this is.
        product: its name.
        version: its version.
    """

    endpoint_url: str
    identifier_system: str
    device_id: str
    product: str
    version: str

    def token(self, requester: Requester, *, audience: str, scope: str, now: int) -> str:
        """A token for one attempt of one call; never reused (SP-061), so a retry cannot outlive it.

        Args:
            requester: the real user who asks, and the organisation they work for.
            audience: the practice's service root as the directory has it, not the proxy's URL (SP-066).
            scope: `Interaction.scope`.
            now: seconds since the epoch, UTC, rounded down: ``iat`` is never in the future.

        Returns:
            Three base64url parts, the last one empty, so it ends with a full stop (SP-062).
        """
        return _unsigned(
            self._common(requester, audience=audience, scope=scope, now=now)
            | {
                "requesting_device": self._device(),
                "requesting_organization": _organisation(requester, ODS_SYSTEM),
                "requesting_practitioner": self._practitioner(requester),
            }
        )

    def token_0(self, requester: Requester, *, requested_record: dict[str, Any], scope: str, now: int) -> str:
        """The same for a call of version 0 (FHIR DSTU2).

        Args:
            requester: the real user who asks, and the organisation they work for.
            requested_record: `patient_record` or `organisation_record`: whose record is meant (SP-063).
            scope: `Interaction.scope`.
            now: seconds since the epoch, UTC, rounded down.
        """
        return _unsigned(
            self._common(requester, audience=AUDIENCE_0, scope=scope, now=now)
            | {
                "requested_record": requested_record,
                "requesting_device": self._device() | {"id": self.device_id},  # SP-071: with an id in 0.x
                "requesting_organization": _organisation(requester, _ODS_0)
                | {"id": requester.organisation.ods_code},
                "requesting_practitioner": self._practitioner_0(requester),
            }
        )

    def _common(self, requester: Requester, *, audience: str, scope: str, now: int) -> dict[str, Any]:
        return {
            "iss": self.endpoint_url,
            "sub": requester.user_id,
            "aud": audience,
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            "reason_for_request": "directcare",  # SP-068
            "requested_scope": scope,
        }

    def _device(self) -> dict[str, Any]:
        return {
            "resourceType": "Device",
            "identifier": [{"system": self._system("device-identifier"), "value": self.device_id}],
            "model": self.product,
            "version": self.version,
        }

    def _practitioner(self, requester: Requester) -> dict[str, Any]:
        name: dict[str, Any] = {"family": requester.family_name, "given": list(requester.given_names)}
        if requester.prefix is not None:
            name["prefix"] = [requester.prefix]
        return {
            "resourceType": "Practitioner",
            "id": requester.user_id,  # SP-065: the same as `sub`
            "name": [name],
            "identifier": [
                {"system": _SDS_USER_ID, "value": requester.sds_user_id or _WITHOUT_SMARTCARD},
                {
                    "system": _SDS_ROLE_PROFILE_ID,
                    "value": requester.sds_role_profile_id or _WITHOUT_SMARTCARD,
                },
                {"system": self._system("user-guid"), "value": requester.user_id},
            ],
        }

    def _practitioner_0(self, requester: Requester) -> dict[str, Any]:
        name: dict[str, Any] = {"family": [requester.family_name], "given": list(requester.given_names)}
        if requester.prefix is not None:
            name["prefix"] = [requester.prefix]
        role = {"system": _SDS_JOB_ROLE_0, "code": requester.sds_job_role or _WITHOUT_SMARTCARD}
        return {
            "resourceType": "Practitioner",
            "id": requester.user_id,  # SP-065: the same as `sub`
            "name": name,
            "identifier": [
                {"system": _SDS_USER_ID_0, "value": requester.sds_user_id or _WITHOUT_SMARTCARD},
                {"system": self._system("user-guid"), "value": requester.user_id},
            ],
            "practitionerRole": [{"role": {"coding": [role]}}],  # SP-079
        }

    def _system(self, kind: str) -> str:
        return f"{self.identifier_system.rstrip('/')}/Id/{kind}"


def patient_record(nhs_number: str) -> dict[str, Any]:
    """``requested_record`` of a call about a patient: the number that stands in its body as well."""
    return {"resourceType": "Patient", "identifier": [{"system": _NHS_NUMBER_0, "value": nhs_number}]}


def organisation_record(ods_code: str) -> dict[str, Any]:
    """``requested_record`` of a call about no patient: the practice that is asked."""
    return {"resourceType": "Organization", "identifier": [{"system": _ODS_0, "value": ods_code}]}


def _organisation(requester: Requester, ods_system: str) -> dict[str, Any]:
    return {
        "resourceType": "Organization",
        "name": requester.organisation.name,
        "identifier": [{"system": ods_system, "value": requester.organisation.ods_code}],
    }


def _unsigned(claims: dict[str, Any]) -> str:
    return f"{_HEADER}.{_base64url(orjson.dumps(claims))}."


def signed(claims: Mapping[str, Any], key: RSAPrivateKey, *, key_id: str) -> str:
    """A JSON Web Token with an RS512 signature, as the national APIs want an assertion.

    Args:
        claims: as they stand in it.
        key: signs it.
        key_id: under which the public key is known to whoever reads it.
    """
    header = orjson.dumps({"alg": "RS512", "typ": "JWT", "kid": key_id})
    told = f"{_base64url(header)}.{_base64url(orjson.dumps(claims))}"
    return f"{told}.{_base64url(key.sign(told.encode(), PKCS1v15(), SHA512()))}"


def is_sound(key: RSAPrivateKey) -> bool:
    """Whether what this key signs is what its public half, which the national APIs know, verifies."""
    try:
        signature = key.sign(_TRIAL, PKCS1v15(), SHA512())
        key.public_key().verify(signature, _TRIAL, PKCS1v15(), SHA512())
    except (InvalidSignature, ValueError):  # the latter: its numbers are none that can be reckoned with
        return False
    return True


def _base64url(content: bytes) -> str:
    # `urlsafe_b64encode` looks up every byte for two that hardly ever stand in what is text.
    return b64encode(content).rstrip(b"=").replace(b"+", b"-").replace(b"/", b"_").decode()


_TRIAL: Final = b"trial"
_HEADER: Final = _base64url(b'{"alg":"none","typ":"JWT"}')
