"""The Personal Demographics Service: FHIR R4 by NHS number, behind OAuth2 with a signed assertion."""

import re
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

import jwt

from bridge.record.nhs_number import NHS_NUMBER_SYSTEM, is_valid_nhs_number
from bridge.sandbox.control.board import FaultBoard
from bridge.sandbox.control.calls import Call, CallLog
from bridge.sandbox.outcomes import json_reply, pds_error, spoil
from bridge.sandbox.people import PdsRegistration, Trace
from bridge.sandbox.web import Reply, Request

Json = dict[str, Any]

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_LIFETIME = 300
_CLOCK_LEEWAY = 5
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ODS_CODE = re.compile(r"[A-Z0-9]{3,10}")
_ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
_VERIFICATION = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"


class Tokens:
    """The token endpoint: client credentials with a JWT assertion (RS512, ``private_key_jwt``).

    Args:
        url: of this endpoint; the audience of every assertion.
        public_key: PEM registered for the client, under `key_id`.
        lifetime: of a token, seconds.
    """

    def __init__(
        self, *, url: str, client_id: str, key_id: str, public_key: bytes, lifetime: int, calls: CallLog
    ) -> None:
        self._url = url
        self._client_id = client_id
        self._key_id = key_id
        self._public_key = public_key
        self._lifetime = lifetime
        self._calls = calls
        self._expiry: dict[str, float] = {}

    async def handle(self, request: Request, call: Call) -> Reply:
        """Answer one request for a token."""
        try:
            self._check(request)
        except (jwt.PyJWTError, ValueError) as error:
            call.refused = str(error)
            error_code = (
                "invalid_client" if isinstance(error, jwt.InvalidSignatureError) else "invalid_request"
            )
            status = 401 if error_code == "invalid_client" else 400
            return json_reply(
                status,
                {"error": error_code, "error_description": call.refused},
                **{"content-type": "application/json"},
            )
        token = secrets.token_urlsafe(24)
        self._expiry[token] = time.monotonic() + self._lifetime
        granted = {
            "access_token": token,
            "expires_in": str(self._lifetime),  # a string, as the API platform sends it
            "token_type": "Bearer",
            "issued_at": str(int(time.time() * 1000)),
        }
        return json_reply(200, granted, **{"content-type": "application/json", "cache-control": "no-store"})

    def is_valid(self, token: str) -> bool:
        """Whether `token` was issued here and has not expired."""
        return self._expiry.get(token, 0.0) > time.monotonic()

    def revoke(self) -> None:
        """Forget every token, as a restart of the platform does."""
        self._expiry.clear()

    def _check(self, request: Request) -> None:
        if request.method != "POST":
            raise ValueError("the token endpoint takes POST only")
        if request.headers.get("content-type", "").split(";")[0] != "application/x-www-form-urlencoded":
            raise ValueError("the body must be a form")
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if form.get("grant_type") != "client_credentials":
            raise ValueError("grant_type must be client_credentials")
        if form.get("client_assertion_type") != _ASSERTION_TYPE:
            raise ValueError("Missing or invalid client_assertion_type")
        assertion = form.get("client_assertion", "")
        if jwt.get_unverified_header(assertion).get("kid") != self._key_id:
            raise ValueError("Invalid 'kid' header in client_assertion JWT - no matching public key")
        claims = jwt.decode(
            assertion,
            self._public_key,
            algorithms=["RS512"],
            audience=self._url,
            issuer=self._client_id,
            leeway=_CLOCK_LEEWAY,
            options={"require": ["iss", "sub", "aud", "exp", "jti"]},
        )
        if claims["sub"] != self._client_id:
            raise ValueError("Missing or non-matching iss/sub claims in client_assertion JWT")
        if claims["exp"] > time.time() + _ASSERTION_LIFETIME + _CLOCK_LEEWAY:
            raise ValueError("Invalid exp claim in JWT - more than 5 minutes in future")
        if not self._calls.is_new("jti", str(claims["jti"])):
            raise ValueError("Non-unique jti claim in client_assertion JWT")


class SandboxPds:
    """Answers ``/Patient/{NHS number}`` under `path`.

    Args:
        registrations: every number that is on PDS.
        rate: requests a second that one application may make; None is without a limit.
    """

    def __init__(
        self,
        *,
        path: str,
        token_path: str,
        tokens: Tokens,
        registrations: Mapping[str, PdsRegistration],
        rate: float | None,
        faults: FaultBoard,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._token_path = token_path
        self._tokens = tokens
        self._registrations = registrations
        self._faults = faults
        self._rate = rate
        self._clock = clock
        self._allowance = rate or 0.0
        self._last = clock()

    async def handle(self, request: Request, call: Call) -> Reply:
        """Answer one request, for a token or a patient."""
        if request.target == self._token_path:
            call.upstream = "token"
            return await self._tokens.handle(request, call)
        reply = self._answer(request, call)
        for name in ("x-request-id", "x-correlation-id"):
            if name in request.headers:
                reply.headers[name] = request.headers[name]
        return reply

    def _answer(self, request: Request, call: Call) -> Reply:
        call.trace_id = request.headers.get("x-request-id")
        refused = self._refusal(request)
        if refused:
            code, call.refused = refused
            reply = pds_error(code, call.refused)
            if code == "TOO_MANY_REQUESTS":
                reply.headers["retry-after"] = "1"
            return reply
        number = request.target.rsplit("/", 1)[-1]
        call.nhs_number = number
        found = self._registrations.get(number)
        call.practice = found.practice_ods if found else None
        fault = self._faults.take("pds", number, call.practice)
        reply = _patient_reply(found)
        return spoil(reply, fault) if fault else reply

    def _refusal(self, request: Request) -> tuple[str, str] | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not self._tokens.is_valid(token):
            return "ACCESS_DENIED", "Invalid Access Token"
        if not self._within_rate():
            return "TOO_MANY_REQUESTS", "Too many requests"
        return _header_problem(request) or self._address_problem(request)

    def _address_problem(self, request: Request) -> tuple[str, str] | None:
        folder, _, number = request.target.rpartition("/")
        if request.method != "GET" or folder != f"{self._path}/Patient":
            return "RESOURCE_NOT_FOUND", "Only reading a patient by NHS number is offered"
        if not is_valid_nhs_number(number):
            return "INVALID_RESOURCE_ID", "The NHS number fails its check"
        return None

    def _within_rate(self) -> bool:
        if self._rate is None:
            return True
        now = self._clock()
        self._allowance = min(self._rate, self._allowance + (now - self._last) * self._rate)
        self._last = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True


def _header_problem(request: Request) -> tuple[str, str] | None:
    request_id = request.headers.get("x-request-id")
    if not request_id:
        rule = "X-Request-ID header must be supplied to access this resource"
        return "MISSING_VALUE", f"Invalid request with error - {rule}"
    if not _UUID.fullmatch(request_id):
        return "INVALID_VALUE", f"Invalid value - '{request_id}' in header 'X-Request-ID'"
    organisation = request.headers.get("nhsd-end-user-organisation-ods")
    if not organisation:
        # Of an application that serves several organisations: PDS is to know for whom it asks.
        rule = "NHSD-End-User-Organisation-ODS header must be supplied to access this resource"
        return "MISSING_VALUE", f"Invalid request with error - {rule}"
    if not _ODS_CODE.fullmatch(organisation):
        return "INVALID_VALUE", f"Invalid value - '{organisation}' in header 'NHSD-End-User-Organisation-ODS'"
    return None


def _patient_reply(found: PdsRegistration | None) -> Reply:
    if found is None or found.trace is Trace.NOT_FOUND:
        return pds_error("RESOURCE_NOT_FOUND")
    if found.trace is Trace.INVALIDATED:
        return pds_error("INVALIDATED_RESOURCE")
    return json_reply(200, _patient(found), etag='W/"2"')


def _patient(found: PdsRegistration) -> Json:
    """The R4 Patient. A superseded number is answered with the one that is in use."""
    number = found.now if found.trace is Trace.SUPERSEDED and found.now else found.nhs_number
    person = found.person
    restricted = found.trace is Trace.RESTRICTED
    patient: Json = {
        "resourceType": "Patient",
        "id": number,
        "identifier": [
            {
                "system": NHS_NUMBER_SYSTEM,
                "value": number,
                "extension": [
                    {
                        "url": _VERIFICATION,
                        "valueCodeableConcept": {
                            "coding": [
                                {
                                    "system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus",
                                    "version": "1.0.0",
                                    "code": "01",
                                    "display": "Number present and verified",
                                }
                            ]
                        },
                    }
                ],
            }
        ],
        "meta": {
            "versionId": "2",
            "security": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
                    "code": "R" if restricted else "U",
                    "display": "restricted" if restricted else "unrestricted",
                }
            ],
        },
        "name": [
            {
                "id": "1",
                "use": "usual",
                "period": {"start": "2001-01-01"},
                "given": list(person.given),
                "family": person.family,
                **({"prefix": [person.prefix]} if person.prefix else {}),
            }
        ],
        "gender": person.gender,
        "birthDate": person.birth_date,
    }
    if found.trace is Trace.DECEASED:
        patient["deceasedDateTime"] = "2025-02-03T00:00:00+00:00"
    if restricted:
        return patient  # practice, address and telecom are removed
    patient["address"] = [
        {
            "id": "1",
            "use": "home",
            "period": {"start": "2001-01-01"},
            "line": [person.line, person.city, person.district],
            "postalCode": person.postcode,
        }
    ]
    patient["telecom"] = [{"id": "1", "system": "phone", "use": "home", "value": person.phone}]
    if found.trace is not Trace.NO_PRACTICE:
        period = {"start": "2010-01-01", **({"end": "2021-12-31"} if found.trace is Trace.ENDED else {})}
        patient["generalPractitioner"] = [
            {
                "id": "254406A3",
                "type": "Organization",
                "identifier": {"system": _ODS, "value": found.practice_ods, "period": period},
            }
        ]
    return patient
