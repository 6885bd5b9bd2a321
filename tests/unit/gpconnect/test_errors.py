import orjson
import pytest

from bridge.errors import FailureCode, Refused, RequestFailed, ResponseInvalid, Unavailable
from bridge.gpconnect.errors import DirectoryStale, error_for
from bridge.spine.http import Answer

V1 = "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1"
V1_VALUESET = "https://fhir.nhs.uk/STU3/ValueSet/Spine-ErrorOrWarningCode-1"
V0 = "http://fhir.nhs.net/ValueSet/gpconnect-error-or-warning-code-1"
SSP = "http://fhir.nhs.net/ValueSet/gpconnect-schedule-response-code-1-0"
SSP_405 = "https://fhir.nhs.uk/StructureDefinition/spine-operationoutcome-1"
PRIVATE = "patient 9990000018 Mrs O'Brien"


def outcome(system: str, code: str, *, display: str = "", diagnostics: str = PRIVATE) -> bytes:
    coding = {"system": system, "code": code, "display": display}
    issue = {"severity": "error", "details": {"coding": [coding]}, "diagnostics": diagnostics}
    return orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]})


def decoded(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> RequestFailed:
    error = error_for(Answer(status, headers or {}, body), body_sha256="ab" * 32)
    assert "9990000018" not in f"{error} {error.detail} {error.args}"
    assert "Brien" not in f"{error} {error.detail} {error.args}"
    return error


PROVIDER_ROWS = [
    (400, "INVALID_IDENTIFIER_SYSTEM", FailureCode.REQUEST_REFUSED),
    (400, "INVALID_IDENTIFIER_VALUE", FailureCode.REQUEST_REFUSED),
    (400, "INVALID_NHS_NUMBER", FailureCode.INVALID_NHS_NUMBER),
    (400, "INVALID_PATIENT_DEMOGRAPHICS", FailureCode.PATIENT_NOT_FOUND),
    (404, "ORGANISATION_NOT_FOUND", FailureCode.REQUEST_REFUSED),
    (404, "PATIENT_NOT_FOUND", FailureCode.PATIENT_NOT_FOUND),
    (404, "PRACTITIONER_NOT_FOUND", FailureCode.REQUEST_REFUSED),
    (404, "NO_RECORD_FOUND", FailureCode.PATIENT_NOT_FOUND),
    (403, "NO_PATIENT_CONSENT", FailureCode.SHARING_REFUSED),
    (403, "NO_ORGANISATION_CONSENT", FailureCode.SHARING_REFUSED),
    (403, "NO_ORGANISATIONAL_CONSENT", FailureCode.SHARING_REFUSED),
    (403, "ACCESS DENIED", FailureCode.PRACTICE_NOT_ENABLED),
    (403, "ACCESS_DENIED", FailureCode.PRACTICE_NOT_ENABLED),
    (403, "access denied", FailureCode.PRACTICE_NOT_ENABLED),
    (403, "NO_ORGANISATION_PFS", FailureCode.PRACTICE_NOT_ENABLED),
    (403, "NO_RELATIONSHIP", FailureCode.SHARING_REFUSED),
    (403, "NOT_AUTHORISED", FailureCode.SHARING_REFUSED),
    (403, "PATIENT_SENSITIVE", FailureCode.PATIENT_RESTRICTED),
    (409, "DUPLICATE_REJECTED", FailureCode.REQUEST_REFUSED),
    (422, "INVALID_RESOURCE", FailureCode.REQUEST_REFUSED),
    (422, "INVALID_PARAMETER", FailureCode.REQUEST_REFUSED),
    (422, "REFERENCE_NOT_FOUND", FailureCode.REQUEST_REFUSED),
    (400, "BAD_REQUEST", FailureCode.REQUEST_REFUSED),
    (400, "CONFLICTING_VALUES", FailureCode.REQUEST_REFUSED),
    (415, "UNSUPPORTED_MEDIA_TYPE", FailureCode.REQUEST_REFUSED),
    (501, "NOT_IMPLEMENTED", FailureCode.PRACTICE_NOT_ENABLED),
]


@pytest.mark.duty("SP-036")
@pytest.mark.parametrize("system", [V1, V1_VALUESET])
@pytest.mark.parametrize(("status", "code", "expected"), PROVIDER_ROWS)
def test_refusals_of_a_1x_provider_keep_their_meaning(
    system: str, status: int, code: str, expected: FailureCode
):
    error = decoded(status, outcome(system, code))

    assert isinstance(error, Refused)
    assert (error.code, error.stage, error.retryable) == (expected, "provider", False)
    assert error.detail.endswith("origin=provider-1.x")


@pytest.mark.duty("SP-036")
@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "INVALID_ODS_CODE", FailureCode.REQUEST_REFUSED),
        (403, "NON_AUTHORITATIVE", FailureCode.PRACTICE_MISMATCH),
        (403, "NO_PATIENT_CONSENT", FailureCode.SHARING_REFUSED),
        (404, "PATIENT_NOT_FOUND", FailureCode.PATIENT_NOT_FOUND),
    ],
)
def test_refusals_of_a_0x_provider_keep_their_meaning(status: int, code: str, expected: FailureCode):
    error = decoded(status, outcome(V0, code))

    assert (error.code, error.detail) == (expected, f"http={status} code={code} origin=provider-0.x")


SSP_ROWS = [
    (400, "ENDPOINT_x_CPAID_y_VARIES_FROM_TARGETURL_z", FailureCode.CONFIGURATION, True),
    (403, "ASID_CHECK_FAILED_MESSAGESENDER_200000000115", FailureCode.CONFIGURATION, False),
    (
        403,
        "PARTYKEY_INTERACTION_CHECK_FAILED_MESSAGERECEIVER_918999198738",
        FailureCode.PRACTICE_NOT_ENABLED,
        True,
    ),
    (403, "FOT_CHECK_FAILED_MESSAGESENDER_1_MESSAGERECEIVER_2", FailureCode.SHARING_REFUSED, False),
    (415, "Unsupported_Media_Type", FailureCode.REQUEST_REFUSED, False),
]


@pytest.mark.duty("SP-036")
@pytest.mark.parametrize("place", ["display", "diagnostics"])
@pytest.mark.parametrize(("status", "text", "expected", "stale"), SSP_ROWS)
def test_refusals_of_the_proxy_are_read_from_their_text(
    place: str, status: int, text: str, expected: FailureCode, stale: bool
):
    error = decoded(status, outcome(SSP, str(status), **{place: text}))

    assert isinstance(error, Refused)
    assert (error.code, error.stage) == (expected, "spine")
    assert isinstance(error, DirectoryStale) is stale
    assert "2000" not in error.detail


def test_a_method_the_proxy_does_not_allow():
    error = decoded(405, outcome(SSP_405, "405", display="405: Method Not Allowed"))

    assert (error.code, error.stage) == (FailureCode.REQUEST_REFUSED, "spine")


@pytest.mark.duty("SP-036")
@pytest.mark.parametrize(
    ("status", "body", "expected", "stage"),
    [
        (500, outcome(V1, "INTERNAL_SERVER_ERROR"), FailureCode.PROVIDER_ERROR, "provider"),
        (500, outcome(V0, "INTERNAL_SERVER_ERROR"), FailureCode.PROVIDER_ERROR, "provider"),
        (
            502,
            outcome(SSP, "502", display="ERROR_COMMUNICATING_TO_ENDPOINT_URL_https://x"),
            FailureCode.PROVIDER_ERROR,
            "spine",
        ),
        (408, b"", FailureCode.PROVIDER_TIMEOUT, "provider"),
        (429, outcome(SSP, "429"), FailureCode.RATE_LIMITED, "spine"),
        (444, b"", FailureCode.PROVIDER_ERROR, "provider"),
        (502, b"<html>Bad gateway</html>", FailureCode.PROVIDER_ERROR, "provider"),
        (503, outcome(V1, "NO_RECORD_FOUND"), FailureCode.PROVIDER_ERROR, "provider"),
        (504, outcome(SSP, "504"), FailureCode.PROVIDER_TIMEOUT, "spine"),
        (599, b"", FailureCode.PROVIDER_TIMEOUT, "provider"),
    ],
)
def test_what_may_pass_is_retried(status: int, body: bytes, expected: FailureCode, stage: str):
    error = decoded(status, body)

    assert isinstance(error, Unavailable)
    assert (error.code, error.stage, error.retryable) == (expected, stage, True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>No route</body></html>",
        b'{"resourceType":"OperationOutcome","issue":[',
        b"null",
        b"[]",
        b"\xff\xfe",
        orjson.dumps({"resourceType": "OperationOutcome"}),
        orjson.dumps({"resourceType": "OperationOutcome", "issue": "x"}),
        orjson.dumps({"resourceType": "OperationOutcome", "issue": [None, {"details": []}]}),
        orjson.dumps({"resourceType": "OperationOutcome", "issue": [{"details": {"coding": [7]}}]}),
        orjson.dumps({"resourceType": "OperationOutcome", "issue": [{"details": {"coding": [{"code": 7}]}}]}),
        outcome("urn:something-else", "Mrs O'Brien"),
    ],
)
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, FailureCode.REQUEST_REFUSED),
        (401, FailureCode.CONFIGURATION),
        (403, FailureCode.REQUEST_REFUSED),
        (404, FailureCode.REQUEST_REFUSED),
        (495, FailureCode.CONFIGURATION),
        (501, FailureCode.PRACTICE_NOT_ENABLED),
        (500, FailureCode.PROVIDER_ERROR),
    ],
)
def test_without_a_code_the_status_decides_and_claims_nothing_about_the_patient(
    status: int, expected: FailureCode, body: bytes
):
    error = decoded(status, body)

    assert error.code is expected
    assert error.detail == f"http={status} code=none origin=unknown"


def test_a_known_code_under_an_unknown_system_is_still_understood():
    assert decoded(403, outcome("urn:other", "NO_PATIENT_CONSENT")).code is FailureCode.SHARING_REFUSED


@pytest.mark.parametrize("status", [201, 204, 302, 307])
def test_neither_success_nor_error_cannot_be_used(status: int):
    error = decoded(status, headers={"location": "https://elsewhere.example"})

    assert isinstance(error, ResponseInvalid)
    assert (error.body_sha256, error.detail) == ("ab" * 32, f"http={status}")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"x-rate-limit-reset": "12"}, 12.0),
        ({"retry-after": "3", "x-rate-limit-reset": "12"}, 3.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_the_pause_that_is_asked_for_is_passed_on(
    status: int, headers: dict[str, str], seconds: float | None
):
    error = decoded(status, headers=headers)

    assert isinstance(error, Unavailable)
    assert error.retry_after == seconds


def test_a_date_to_wait_for_becomes_seconds_from_now():
    error = decoded(503, headers={"retry-after": "Wed, 21 Oct 2099 07:28:00 GMT"})

    assert isinstance(error, Unavailable)
    assert error.retry_after is not None
    assert error.retry_after > 1_000_000


@pytest.mark.duty("CS-066")
def test_a_code_is_found_by_its_system_behind_a_local_one() -> None:
    codings = [
        {"system": "https://supplier.example/errors", "code": "E17"},
        {"system": V1, "code": "NO_PATIENT_CONSENT"},
    ]
    body = orjson.dumps({"resourceType": "OperationOutcome", "issue": [{"details": {"coding": codings}}]})
    assert decoded(403, body).code is FailureCode.SHARING_REFUSED
