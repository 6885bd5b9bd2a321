"""Three dialects of error answers, as one small tree by what the caller can do.

Providers of 1.x, providers of 0.x and the proxy all send OperationOutcomes, or HTML, or nothing. They are
told apart by the system of their coding. Diagnostics may name the patient, so nothing of an answer's
text leaves this module: only the HTTP status, a code from the tables below, and whose answer it was.

Source: Spine digest §11, which gives the codes and their retry advice.
"""

from collections.abc import Mapping
from itertools import chain
from types import MappingProxyType
from typing import Any, Final, Literal

from bridge.errors import FailureCode, Refused, RequestFailed, ResponseInvalid, Stage, Unavailable
from bridge.spine.http import Answer
from bridge.spine.outcomes import outcome_codings

Origin = Literal["provider-1.x", "provider-0.x", "ssp", "unknown"]

_ORIGINS: Final[Mapping[str, Origin]] = MappingProxyType(
    {
        "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1": "provider-1.x",
        "https://fhir.nhs.uk/STU3/ValueSet/Spine-ErrorOrWarningCode-1": "provider-1.x",
        "http://fhir.nhs.net/ValueSet/gpconnect-error-or-warning-code-1": "provider-0.x",
        "http://fhir.nhs.net/ValueSet/gpconnect-schedule-response-code-1-0": "ssp",
        "https://fhir.nhs.uk/StructureDefinition/spine-operationoutcome-1": "ssp",
    }
)

PROVIDER_CODES: Final[Mapping[str, FailureCode]] = MappingProxyType(
    {
        # About the patient. PATIENT_NOT_FOUND covers unknown, inactive, sensitive and deceased alike.
        "PATIENT_NOT_FOUND": FailureCode.PATIENT_NOT_FOUND,
        "NO_RECORD_FOUND": FailureCode.PATIENT_NOT_FOUND,
        "INVALID_PATIENT_DEMOGRAPHICS": FailureCode.PATIENT_NOT_FOUND,
        "REQUEST_UNMATCHED": FailureCode.PATIENT_NOT_FOUND,
        "PATIENT_SENSITIVE": FailureCode.PATIENT_RESTRICTED,
        "INVALID_NHS_NUMBER": FailureCode.INVALID_NHS_NUMBER,
        "NON_AUTHORITATIVE": FailureCode.PRACTICE_MISMATCH,
        # About sharing.
        "NO_PATIENT_CONSENT": FailureCode.SHARING_REFUSED,
        "NO_ORGANISATION_CONSENT": FailureCode.SHARING_REFUSED,
        "NO_ORGANISATIONAL_CONSENT": FailureCode.SHARING_REFUSED,
        "NO_RELATIONSHIP": FailureCode.SHARING_REFUSED,
        "NOT_AUTHORISED": FailureCode.SHARING_REFUSED,
        # The capability is switched off, or is not there.
        "ACCESS_DENIED": FailureCode.PRACTICE_NOT_ENABLED,
        "NO_ORGANISATION_PFS": FailureCode.PRACTICE_NOT_ENABLED,
        "NOT_IMPLEMENTED": FailureCode.PRACTICE_NOT_ENABLED,
        # About this installation.
        "ASID_CHECK_FAILED": FailureCode.CONFIGURATION,
        "ACCESS_DENIED_SSL": FailureCode.CONFIGURATION,
        "AUTHOR_CREDENTIALS_ERROR": FailureCode.CONFIGURATION,
        # About the request as it was sent.
        "BAD_REQUEST": FailureCode.REQUEST_REFUSED,
        "CONFLICTING_VALUES": FailureCode.REQUEST_REFUSED,
        "DUPLICATE_REJECTED": FailureCode.REQUEST_REFUSED,
        "FHIR_CONSTRAINT_VIOLATION": FailureCode.REQUEST_REFUSED,
        "FLAG_ALREADY_SET": FailureCode.REQUEST_REFUSED,
        "INVALID_CODE_SYSTEM": FailureCode.REQUEST_REFUSED,
        "INVALID_CODE_VALUE": FailureCode.REQUEST_REFUSED,
        "INVALID_ELEMENT": FailureCode.REQUEST_REFUSED,
        "INVALID_IDENTIFIER_SYSTEM": FailureCode.REQUEST_REFUSED,
        "INVALID_IDENTIFIER_VALUE": FailureCode.REQUEST_REFUSED,
        "INVALID_ODS_CODE": FailureCode.REQUEST_REFUSED,
        "INVALID_PARAMETER": FailureCode.REQUEST_REFUSED,
        "INVALID_REQUEST_MESSAGE": FailureCode.REQUEST_REFUSED,
        "INVALID_REQUEST_STATE": FailureCode.REQUEST_REFUSED,
        "INVALID_REQUEST_TYPE": FailureCode.REQUEST_REFUSED,
        "INVALID_RESOURCE": FailureCode.REQUEST_REFUSED,
        "INVALID_VALUE": FailureCode.REQUEST_REFUSED,
        "MESSAGE_NOT_WELL_FORMED": FailureCode.REQUEST_REFUSED,
        "MISSING_OR_INVALID_HEADER": FailureCode.REQUEST_REFUSED,
        "MSG_RESOURCE_ID_FAIL": FailureCode.REQUEST_REFUSED,
        "ORGANISATION_NOT_FOUND": FailureCode.REQUEST_REFUSED,
        "PRACTITIONER_NOT_FOUND": FailureCode.REQUEST_REFUSED,
        "REFERENCE_NOT_FOUND": FailureCode.REQUEST_REFUSED,
        "UNSUPPORTED_MEDIA_TYPE": FailureCode.REQUEST_REFUSED,
        # May pass.
        "INTERNAL_SERVER_ERROR": FailureCode.PROVIDER_ERROR,
    }
)
"""Codes of 1.x and 0.x with blanks as underscores; both spell some of them in two ways."""

SSP_CHECKS: Final[Mapping[str, FailureCode]] = MappingProxyType(
    {
        "VARIES_FROM_TARGETURL": FailureCode.CONFIGURATION,
        "PARTYKEY_INTERACTION_CHECK_FAILED": FailureCode.PRACTICE_NOT_ENABLED,
        "FOT_CHECK_FAILED": FailureCode.SHARING_REFUSED,  # no data sharing agreement between the two
        "ASID_CHECK_FAILED": FailureCode.CONFIGURATION,
        "ERROR_COMMUNICATING_TO_ENDPOINT_URL": FailureCode.PROVIDER_ERROR,
    }
)
"""What the proxy writes into a display or a diagnostics text, between ids that stay there."""

_STALE_CHECKS: Final = frozenset({"VARIES_FROM_TARGETURL", "PARTYKEY_INTERACTION_CHECK_FAILED"})

STATUSES: Final[Mapping[int, FailureCode]] = MappingProxyType(
    {
        401: FailureCode.CONFIGURATION,  # RFC 6750: the token; each attempt had a new one, so it is the clock
        408: FailureCode.PROVIDER_TIMEOUT,
        429: FailureCode.RATE_LIMITED,
        444: FailureCode.PROVIDER_ERROR,  # the practice closed without an answer
        495: FailureCode.CONFIGURATION,  # our certificate was refused
        496: FailureCode.CONFIGURATION,  # none was sent
        497: FailureCode.CONFIGURATION,  # plain HTTP to a TLS port
        501: FailureCode.PRACTICE_NOT_ENABLED,
        504: FailureCode.PROVIDER_TIMEOUT,
        599: FailureCode.PROVIDER_TIMEOUT,
    }
)
"""Statuses that speak for themselves. Other 4xx are refusals and other 5xx provider errors."""

_OVERRULING: Final = frozenset({429, 503, 504, 599})
"""Throttling and silence are what they are, whatever code comes with them."""

_TRANSIENT: Final = frozenset(
    {FailureCode.PROVIDER_ERROR, FailureCode.PROVIDER_TIMEOUT, FailureCode.RATE_LIMITED}
)


class DirectoryStale(Refused):
    """The proxy does not know the practice as the directory gave it: look it up once more."""

    tag = "directory_stale"


def error_for(answer: Answer, *, body_sha256: str) -> RequestFailed:
    """What an answer other than 200 means.

    Args:
        answer: of any status but 200.
        body_sha256: of its body, for an answer that is neither success nor error.
    """
    coding = _coding(answer)
    origin = _ORIGINS.get(_text(coding, "system"), "unknown")
    stage: Stage = "spine" if origin == "ssp" else "provider"
    if answer.status < 400:  # noqa: PLR2004 - a redirect is never followed, and another 2xx is no record
        return ResponseInvalid(stage=stage, detail=f"http={answer.status}", body_sha256=body_sha256)
    name = _ssp_check(coding) if origin == "ssp" else _provider_code(coding)
    detail = f"http={answer.status} code={name or 'none'} origin={origin}"
    code = _code(answer.status, name)
    if code in _TRANSIENT:
        return Unavailable(code, stage=stage, detail=detail, retry_after=answer.retry_after)
    if origin == "ssp" and name in _STALE_CHECKS:
        return DirectoryStale(code, stage=stage, detail=detail)
    return Refused(code, stage=stage, detail=detail)


def _code(status: int, name: str | None) -> FailureCode:
    by_status = STATUSES.get(status) or (
        FailureCode.PROVIDER_ERROR if status >= 500 else FailureCode.REQUEST_REFUSED  # noqa: PLR2004
    )
    if name is None or status in _OVERRULING:
        return by_status
    return PROVIDER_CODES.get(name) or SSP_CHECKS[name]


def provider_code(answer: Answer) -> str | None:
    """The code of a practice's refusal, if it is in the table: what it means depends on what was asked."""
    coding = _coding(answer)
    return None if _ORIGINS.get(_text(coding, "system")) == "ssp" else _provider_code(coding)


def _coding(answer: Answer) -> Mapping[str, Any]:
    """The first coding of a system that is known, wherever it stands; else the first of all."""
    codings = list(outcome_codings(answer.body))
    known = (coding for coding in codings if _text(coding, "system") in _ORIGINS)
    return next(chain(known, codings), {})


def _provider_code(coding: Mapping[str, Any]) -> str | None:
    """A code of the table, or None: text that is not in it stays in the answer."""
    code = "_".join(_text(coding, "code").upper().replace("_", " ").split())
    return code if code in PROVIDER_CODES else None


def _text(coding: Mapping[str, Any], name: str) -> str:
    """One of its texts; anything else, however it is nested, counts as none."""
    value = coding.get(name)
    return value if isinstance(value, str) else ""


def _ssp_check(coding: Mapping[str, Any]) -> str | None:
    # The proxy's code is the HTTP status as text; which check failed stands in a text only.
    texts = f"{_text(coding, 'display')} {_text(coding, 'diagnostics')}"
    return next((check for check in SSP_CHECKS if check in texts), None)
