"""Personal Demographics Service: who the patient is now, and which practice holds their record.

FHIR R4, application-restricted: OAuth2 client credentials with a signed assertion. Every trace asks PDS
anew, so what a call to a practice rests on is never older than that call (CS-003).
"""

import unicodedata
import uuid
from dataclasses import field
from hashlib import sha256
from itertools import chain
from typing import Any, Final

from bridge.contracts.requests import Patient
from bridge.errors import FailureCode, Refused, RequestFailed, Unavailable
from bridge.fhir.parsing import loads
from bridge.record.nhs_number import is_valid_nhs_number
from bridge.spine.clock import timestamp
from bridge.spine.http import Answer, Upstream
from bridge.spine.limiter import RateLimiter
from bridge.spine.oauth import AccessTokens
from bridge.spine.outcomes import directory_error, outcome_codes
from bridge.spine.tokens import ODS_SYSTEM
from bridge.values import dataclass

_UNRESTRICTED: Final = "U"
_OK: Final = 200
_UNAUTHORISED: Final = 401
_BIRTH_DATE_PARTS: Final = 2
_LONGEST_NAME: Final = 1000
_DAY: Final = len("2026-11-22")

_REFUSALS: Final = {
    (404, "RESOURCE_NOT_FOUND"): FailureCode.PATIENT_NOT_FOUND,  # CS-010
    (404, "INVALIDATED_RESOURCE"): FailureCode.INVALID_NHS_NUMBER,  # CS-008
    (400, "INVALID_RESOURCE_ID"): FailureCode.INVALID_NHS_NUMBER,
}


@dataclass(frozen=True, slots=True)
class TracedPatient:
    """A patient whom PDS knows and for whom a record may be asked. Its text form shows no personal data.

    Attributes:
        nhs_number: the current one, which every call uses (CS-007).
        superseded: the number that was asked for, when it is no longer the current one.
        family_name, given_names: of the usual name.
        birth_date: as sent: ``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD``.
        gender: FHIR administrative gender.
        practice_ods: the practice where the patient is registered now (CS-005).
        traced_at: RFC 3339, UTC.
    """

    nhs_number: str = field(repr=False)
    superseded: str | None = field(repr=False)
    family_name: str | None = field(repr=False)
    given_names: tuple[str, ...] = field(repr=False)
    birth_date: str | None = field(repr=False)
    gender: str | None = field(repr=False)
    practice_ods: str
    traced_at: str


class Pds:
    """The PDS client.

    Args:
        upstream: the server.
        url: its FHIR base.
        tokens: access tokens of this application.
        limiter: shared by all traces; PDS allows 5 a second by default.
    """

    def __init__(self, upstream: Upstream, *, url: str, tokens: AccessTokens, limiter: RateLimiter) -> None:
        self._upstream = upstream
        self._url = url.rstrip("/")
        self._tokens = tokens
        self._limiter = limiter

    async def trace(
        self, nhs_number: str, *, organisation: str, request_key: str | None = None
    ) -> TracedPatient:
        """Ask PDS for one patient by NHS number.

        Args:
            nhs_number: whom to ask about.
            organisation: ODS code of the one whose user asks (PD-001).
            request_key: the same for every try of one request, which PDS then knows for one sent again.

        Raises:
            Refused: invalid number, not found, restricted, deceased, or without a current practice: five
                different answers.
            Unavailable: PDS cannot answer now, or asks for patience.
        """
        if not is_valid_nhs_number(nhs_number):
            raise Refused(FailureCode.INVALID_NHS_NUMBER, stage="pds", detail="check_digit")
        answer = await self._get(nhs_number, organisation, _request_id(request_key))
        if answer.status != _OK:
            raise _error(answer)
        return _read(answer.body, asked=nhs_number)

    async def sign_in(self) -> None:
        """Get an access token, without asking about anybody.

        Raises:
            Refused: the application is not known, or its key is not.
            Unavailable: no token can be had now.
        """
        await self._tokens.current()

    async def _get(self, nhs_number: str, organisation: str, request_id: str) -> Answer:
        token = await self._tokens.current()
        answer = await self._get_with(token, nhs_number, organisation, request_id)
        if answer.status == _UNAUTHORISED:  # revoked, or our clock disagrees about its age: once more
            token = await self._tokens.renewed(token)
            answer = await self._get_with(token, nhs_number, organisation, request_id)
        return answer

    async def _get_with(self, token: str, nhs_number: str, organisation: str, request_id: str) -> Answer:
        await self._limiter.start()
        return await self._upstream.call(
            "GET",
            f"{self._url}/Patient/{nhs_number}",
            interaction="pds.trace",
            trace_id=request_id,
            headers={
                "Accept": "application/fhir+json",
                "Authorization": f"Bearer {token}",
                "NHSD-End-User-Organisation-ODS": organisation,  # PD-001
                "X-Request-ID": request_id,
            },
        )


def _request_id(request_key: str | None) -> str:
    """A random UUID, or the one of a request: it tells of nothing but that it is the same request."""
    if request_key is None:
        return str(uuid.uuid4())
    return str(uuid.UUID(bytes=sha256(f"pds {request_key}".encode()).digest()[:16], version=4))


def _error(answer: Answer) -> RequestFailed:
    for code in outcome_codes(answer.body):
        if refusal := _REFUSALS.get((answer.status, code)):
            return Refused(refusal, stage="pds", detail=f"http={answer.status} code={code}")
    return directory_error(answer, stage="pds")


def _read(body: bytes, *, asked: str) -> TracedPatient:
    try:
        resource, _ = loads(body)
        return _traced(resource, asked=asked)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Unavailable(FailureCode.SPINE_ERROR, stage="pds", detail="not_a_patient") from None


def _traced(patient: dict[str, Any], *, asked: str) -> TracedPatient:
    current = patient["id"]
    if not is_valid_nhs_number(current):
        raise ValueError
    # CS-006: any label but "unrestricted" forbids the call; also one that is not known yet.
    if any(label["code"] != _UNRESTRICTED for label in patient.get("meta", {}).get("security", [])):
        raise Refused(FailureCode.PATIENT_RESTRICTED, stage="pds")
    if "deceasedDateTime" in patient or patient.get("deceasedBoolean"):
        raise Refused(FailureCode.PATIENT_DECEASED, stage="pds")  # CS-009
    now = timestamp()
    practice = _current_practice(patient.get("generalPractitioner", []), now)
    if practice is None:
        raise Refused(FailureCode.PATIENT_NOT_REGISTERED, stage="pds")  # CS-005
    name = _usual_name(patient.get("name", []))
    return TracedPatient(
        nhs_number=current,
        superseded=asked if current != asked else None,
        family_name=_text(name["family"]) if "family" in name else None,
        given_names=tuple(map(_text, name.get("given", []))),
        birth_date=_text(patient["birthDate"]) if "birthDate" in patient else None,
        gender=_text(patient["gender"]) if "gender" in patient else None,
        practice_ods=practice,
        traced_at=now,
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _usual_name(names: list[dict[str, Any]]) -> dict[str, Any]:
    usual = [name for name in names if name.get("use") == "usual"]
    return next(chain(usual, names), {})


def _current_practice(practitioners: list[dict[str, Any]], now: str) -> str | None:
    today = now[:_DAY]
    for practitioner in practitioners:
        identifier = practitioner.get("identifier", {})
        period = identifier.get("period", {})
        started = period.get("start", "")[:_DAY] <= today
        ended = "end" in period and period["end"][:_DAY] < today
        if identifier.get("system") == ODS_SYSTEM and started and not ended:
            return _text(identifier["value"])
    return None


def verify(asked: Patient, traced: TracedPatient) -> None:
    """Check the details that were sent against PDS, by the rule that makes an NHS number verified (CS-004).

    The exact date of birth is enough. Otherwise two of its three parts, the first three letters of the
    surname and the first initial must all agree. Without a date of birth, the names that were sent must
    agree. Gender is no part of the rule; where it differs the record shows it.

    Raises:
        Refused: they do not agree; `detail` names the fields, never what is in them.
    """
    same = {
        "family_name": _alike(asked.family_name, traced.family_name, letters=3),
        "given_name": _alike(asked.given_name, " ".join(traced.given_names), letters=1),
    }
    different = [name for name, alike in same.items() if alike is False]
    if asked.birth_date is not None:
        birth_date = asked.birth_date.isoformat()
        if birth_date == traced.birth_date:
            return
        if _parts_in_common(birth_date, traced.birth_date or "") >= _BIRTH_DATE_PARTS and all(same.values()):
            return
        different.insert(0, "birth_date")
    if different:
        raise Refused(FailureCode.DEMOGRAPHICS_MISMATCH, stage="pds", detail=" ".join(different))


def _alike(asked: str | None, traced: str | None, *, letters: int) -> bool | None:
    """Whether two names begin alike; None when none was sent."""
    return None if asked is None else _letters(asked)[:letters] == _letters(traced or "")[:letters]


def _parts_in_common(one: str, other: str) -> int:
    return sum(ours == theirs for ours, theirs in zip(one.split("-"), other.split("-"), strict=False))


def verify_practice(asked_ods: str | None, traced: TracedPatient) -> None:
    """Check the practice that was named, if one was, against the registered one, which is called (CS-005).

    Raises:
        Refused: they differ.
    """
    if asked_ods is not None and asked_ods != traced.practice_ods:
        raise Refused(FailureCode.PRACTICE_MISMATCH, stage="pds")


def _letters(name: str) -> str:
    """Letters only, without accents, in one case: ``O'Brién`` and ``OBRIEN`` begin alike."""
    # Bounded, because putting accents in their order takes time by the square of how many stand in a row.
    plain = unicodedata.normalize("NFKD", name[:_LONGEST_NAME]).casefold()
    return "".join(letter for letter in plain if letter.isalpha())
