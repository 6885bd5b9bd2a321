"""OperationOutcomes, in the dialect of who answers (spine.md §11)."""

import json
from codecs import BOM_UTF8
from collections.abc import Iterable
from typing import Any

import orjson

from bridge.sandbox.control.faults import FaultKind, InjectedFault
from bridge.sandbox.web import Reply

Json = dict[str, Any]

HTML_PAGE = b"<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Bad gateway</h1></body></html>"
FHIR_JSON = "application/fhir+json"
FHIR_JSON_0 = "application/json+fhir"
PROVIDER_PROFILE_0 = "http://fhir.nhs.net/StructureDefinition/gpconnect-operationoutcome-1"
PROVIDER_SYSTEM_0 = "http://fhir.nhs.net/ValueSet/gpconnect-error-or-warning-code-1"
PROVIDER_PROFILE = "https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-OperationOutcome-1"
PROVIDER_SYSTEM = "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1"
PROVIDER_SYSTEM_1_2 = "https://fhir.nhs.uk/STU3/ValueSet/Spine-ErrorOrWarningCode-1"
PROXY_SYSTEM = "http://fhir.nhs.net/ValueSet/gpconnect-schedule-response-code-1-0"
PROXY_METHOD_SYSTEM = "https://fhir.nhs.uk/StructureDefinition/spine-operationoutcome-1"
PDS_SYSTEM = "https://fhir.nhs.uk/R4/CodeSystem/Spine-ErrorOrWarningCode"
SDS_SYSTEM = "https://fhir.nhs.uk/STU3/ValueSet/Spine-ErrorOrWarningCode-1"

# Spine code of a practice: HTTP status, issue code, display.
PROVIDER_CODES: dict[str, tuple[int, str, str]] = {
    "INVALID_IDENTIFIER_SYSTEM": (400, "value", "Invalid identifier system"),
    "INVALID_IDENTIFIER_VALUE": (400, "value", "Invalid identifier value"),
    "INVALID_NHS_NUMBER": (400, "value", "Invalid NHS number"),
    "INVALID_PATIENT_DEMOGRAPHICS": (400, "business-rule", "Invalid patient demographics"),
    "BAD_REQUEST": (400, "invalid", "Bad request"),
    "NO_PATIENT_CONSENT": (403, "forbidden", "Patient has not provided consent to share data"),
    "NO_ORGANISATION_CONSENT": (403, "forbidden", "Organisation has not provided consent to share data"),
    "NON_AUTHORITATIVE": (403, "forbidden", "Not the patient's registered practice"),
    "ACCESS DENIED": (403, "forbidden", "Access denied"),
    "PATIENT_NOT_FOUND": (404, "not-found", "Patient not found"),
    "ORGANISATION_NOT_FOUND": (404, "not-found", "Organisation not found"),
    "PRACTITIONER_NOT_FOUND": (404, "not-found", "Practitioner not found"),
    "NO_RECORD_FOUND": (404, "not-found", "No record found"),
    "DUPLICATE_REJECTED": (409, "duplicate", "Create would lead to creation of a duplicate resource"),
    "FHIR_CONSTRAINT_VIOLATION": (409, "conflict", "FHIR constraint violated"),
    "UNSUPPORTED_MEDIA_TYPE": (415, "not-supported", "Unsupported media type"),
    "INVALID_RESOURCE": (422, "invalid", "Invalid validation of resource"),
    "INVALID_PARAMETER": (422, "invalid", "Invalid parameter"),
    "REFERENCE_NOT_FOUND": (422, "invalid", "Reference not found"),
    "INTERNAL_SERVER_ERROR": (500, "processing", "Unexpected internal server error"),
    "NOT_IMPLEMENTED": (501, "not-supported", "Not implemented"),
}
_PROVIDER_BY_STATUS = {
    400: "BAD_REQUEST",
    403: "ACCESS DENIED",
    404: "PATIENT_NOT_FOUND",
    409: "DUPLICATE_REJECTED",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "INVALID_PARAMETER",
    501: "NOT_IMPLEMENTED",
}

# PDS code: HTTP status, severity, issue code, display; as its sandbox answers.
PDS_CODES: dict[str, tuple[int, str, str, str]] = {
    "INVALID_RESOURCE_ID": (400, "error", "value", "Resource Id is invalid"),
    "MISSING_VALUE": (400, "error", "required", "Required value is missing"),
    "INVALID_VALUE": (400, "error", "value", "Provided value is invalid"),
    "ACCESS_DENIED": (401, "error", "forbidden", "Access Denied - Unauthorised"),
    "RESOURCE_NOT_FOUND": (404, "information", "not-found", "Resource not found"),
    "INVALIDATED_RESOURCE": (
        404,
        "error",
        "not-found",
        "Resource that has been marked as invalid was requested",
    ),
    "UNABLE_TO_CALL_SERVICE": (408, "error", "timeout", "Unable to call service"),
    "TOO_MANY_REQUESTS": (429, "error", "throttled", "Too many requests"),
    "INTERNAL_SERVER_ERROR": (500, "error", "exception", "Unexpected internal server error"),
}
_GATEWAY_TIMEOUT = 504
_PDS_BY_STATUS = {status: code for code, (status, *_) in reversed(PDS_CODES.items())}

# SDS code: issue code, display.
SDS_CODES: dict[int, tuple[str, str, str]] = {
    400: ("required", "BAD_REQUEST", "Bad request"),
    401: ("forbidden", "ACCESS_DENIED", "Access denied"),
    404: ("not-found", "NO_RECORD_FOUND", "No record found"),
    405: ("not-supported", "NOT_IMPLEMENTED", "Not implemented"),
    406: ("not-supported", "MISSING_OR_INVALID_HEADER", "There is a required header missing or invalid"),
    429: ("throttled", "TOO_MANY_REQUESTS", "Too many requests"),
}
_PROXY_ISSUES = {400: "invalid", 403: "forbidden", 405: "forbidden", 415: "not-supported", 502: "transient"}


class Refusal(Exception):  # noqa: N818 - what it is
    """The practice says no: a Spine code and the rule, in words that hold nothing of the patient."""

    def __init__(self, code: str, rule: str) -> None:
        super().__init__(rule)
        self.code = code


def _outcome(severity: str, issue: str, coding: Json, diagnostics: str | None) -> Json:
    value: Json = {"severity": severity, "code": issue, "details": {"coding": [coding]}}
    if diagnostics:
        value["diagnostics"] = diagnostics
    return {"resourceType": "OperationOutcome", "issue": [value]}


def json_reply(status: int, value: Json, **headers: str) -> Reply:
    """`value` as FHIR JSON."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Reply(status, body, {"content-type": FHIR_JSON, **headers})


def resource_reply(resource: Json, *, status: int = 200, location: str | None = None) -> Reply:
    """A practice's answer of one resource, with the ETag of its version when it has one."""
    headers = {"content-type": f"{FHIR_JSON};charset=utf-8"}
    version = resource.get("meta", {}).get("versionId")
    if version:
        headers["etag"] = f'W/"{version}"'
    if location:
        headers["location"] = location
    return Reply(status, orjson.dumps(resource), headers)


def searchset(resources: Iterable[Json], *, profile: str | None = None) -> Json:
    """A Bundle of what was found; without ``fullUrl``, which nobody may rely on."""
    return {
        "resourceType": "Bundle",
        **({"meta": {"profile": [profile]}} if profile else {}),
        "type": "searchset",
        "entry": [{"resource": resource} for resource in resources],
    }


def practice_error(
    code: str, diagnostics: str, *, status: int | None = None, version: str = "1.6.2"
) -> Reply:
    """As a GP practice with a system of `version` refuses (structured.md §1.6, spine.md §11.3)."""
    usual, issue, display = PROVIDER_CODES.get(code, (500, "processing", code))
    if version.startswith("0."):
        coding, profile, media_type = (
            {"system": PROVIDER_SYSTEM_0, "code": code},
            PROVIDER_PROFILE_0,
            FHIR_JSON_0,
        )
    else:
        system = PROVIDER_SYSTEM_1_2 if version.startswith("1.2") else PROVIDER_SYSTEM
        coding, profile, media_type = (
            {"system": system, "code": code, "display": display},
            PROVIDER_PROFILE,
            FHIR_JSON,
        )
    value = {**_outcome("error", issue, coding, diagnostics), "meta": {"profile": [profile]}}
    headers = {"content-type": f"{media_type};charset=utf-8", "cache-control": "no-store"}
    return json_reply(status or usual, value, **headers)


def proxy_error(status: int, text: str) -> Reply:
    """As the Spine proxy refuses: the code is the HTTP status, the meaning is in the text (§11.4)."""
    method = status == 405  # noqa: PLR2004 - the one status with a dialect of its own
    coding = {
        "system": PROXY_METHOD_SYSTEM if method else PROXY_SYSTEM,
        "code": str(status),
        "display": text,
    }
    return json_reply(
        status,
        _outcome("fatal" if method else "error", _PROXY_ISSUES.get(status, "transient"), coding, text),
    )


def pds_error(code: str, diagnostics: str | None = None, *, status: int | None = None) -> Reply:
    """As PDS refuses."""
    usual, severity, issue, display = PDS_CODES.get(code, (500, "error", "exception", code))
    coding = {"system": PDS_SYSTEM, "version": "1", "code": code, "display": display}
    return json_reply(status or usual, _outcome(severity, issue, coding, diagnostics))


def sds_error(status: int, diagnostics: str, correlation_id: str) -> Reply:
    """As SDS refuses."""
    issue, code, display = SDS_CODES.get(
        status, ("exception", "INTERNAL_SERVER_ERROR", "Unexpected internal server error")
    )
    coding = {"system": SDS_SYSTEM, "code": code, "display": display}
    return json_reply(status, {**_outcome("error", issue, coding, diagnostics), "id": correlation_id})


def spoil(reply: Reply, fault: InjectedFault, *, version: str = "1.6.2") -> Reply:
    """The reply as the fault leaves it; what happens to the connection is left to `web`.

    A practice's own errors are in the words of its `version`.
    """
    match fault.kind:
        case FaultKind.STATUS | FaultKind.LOST | FaultKind.LATE:
            reply = _error(fault, version)
        case FaultKind.HTML:
            reply = Reply(fault.status, HTML_PAGE, {"content-type": "text/html; charset=utf-8"})
        case FaultKind.EMPTY_OBJECT:
            reply = Reply(200, b"{}", {"content-type": f"{FHIR_JSON};charset=utf-8"})
        case FaultKind.OUTCOME:
            reply = practice_error("INTERNAL_SERVER_ERROR", "Answered with 200", status=200)
        case FaultKind.CUT_JSON if isinstance(reply.body, bytes):
            reply.body = reply.body[: len(reply.body) // 2]
        case FaultKind.BYTE_ORDER_MARK if isinstance(reply.body, bytes):
            reply.body = BOM_UTF8 + reply.body
        case FaultKind.CONTENT_TYPE:
            reply.headers["content-type"] = "text/plain"
        case _:
            pass
    reply.fault = fault
    return reply


def _error(fault: InjectedFault, version: str) -> Reply:
    text = "Fault switched on in the sandbox"
    match fault.at:
        case "pds":
            code = fault.code or _PDS_BY_STATUS.get(fault.status, "INTERNAL_SERVER_ERROR")
            reply = pds_error(code, text, status=fault.status)
        case "sds":
            reply = sds_error(fault.status, text, "00000000-0000-4000-8000-000000000000")
        case "proxy":
            reply = proxy_error(fault.status, text)
        case "practice" if fault.status == _GATEWAY_TIMEOUT:
            reply = proxy_error(fault.status, text)  # nobody else says so of a practice
        case "practice":
            code = fault.code or _PROVIDER_BY_STATUS.get(fault.status, "INTERNAL_SERVER_ERROR")
            reply = practice_error(code, text, status=fault.status, version=version)
    if not fault.has_body:
        reply = Reply(fault.status)
    if fault.retry_after is not None:
        reply.headers["retry-after"] = str(fault.retry_after)
        if fault.at == "proxy":
            reply.headers |= {
                "x-rate-limit-limit": "5",
                "x-rate-limit-remaining": "0",
                "x-rate-limit-reset": str(fault.retry_after),
            }
    return reply
