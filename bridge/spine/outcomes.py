"""OperationOutcome as the two directories send it, and what their HTTP statuses mean."""

from collections.abc import Iterator
from typing import Any, Final

import orjson

from bridge.errors import FailureCode, Refused, RequestFailed, Stage, Unavailable
from bridge.spine.http import Answer

_TOO_MANY: Final = 429
_TIMED_OUT: Final = 408
_SERVER_FAULT: Final = 500


def outcome_codings(body: bytes) -> Iterator[dict[str, Any]]:
    """Every coding of the issues in an OperationOutcome, in order; none when the body is something else."""
    try:
        outcome = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    if not isinstance(outcome, dict) or outcome.get("resourceType") != "OperationOutcome":
        return
    for issue in _dicts(outcome.get("issue")):
        details = issue.get("details")
        for coding in _dicts(details.get("coding") if isinstance(details, dict) else None):
            yield {**coding, "diagnostics": issue.get("diagnostics")}


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def outcome_codes(body: bytes) -> Iterator[str]:
    """The codes alone."""
    return (coding["code"] for coding in outcome_codings(body) if isinstance(coding.get("code"), str))


def directory_error(answer: Answer, *, stage: Stage) -> RequestFailed:
    """What an answer of PDS or SDS means that says nothing about the patient or the practice."""
    detail = f"http={answer.status}"
    if answer.status == _TOO_MANY:
        return Unavailable(
            FailureCode.RATE_LIMITED, stage=stage, detail=detail, retry_after=answer.retry_after
        )
    if answer.status == _TIMED_OUT or answer.status >= _SERVER_FAULT:
        return Unavailable(
            FailureCode.SPINE_ERROR, stage=stage, detail=detail, retry_after=answer.retry_after
        )
    # Not authorised, a path that is not there, a redirect, a request it does not take: for an operator.
    return Refused(FailureCode.CONFIGURATION, stage=stage, detail=detail)
