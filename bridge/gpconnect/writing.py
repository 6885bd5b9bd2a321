"""Calls that change something at a practice: without a clear yes or no the outcome is in doubt."""

from collections.abc import Iterator
from contextlib import contextmanager

from bridge.errors import FailureCode, ResponseInvalid, Unavailable
from bridge.gpconnect.errors import error_for
from bridge.spine.http import Answer


@contextmanager
def doubtful() -> Iterator[None]:
    """Around a call that writes: success that cannot be read is no refusal: it may have been done.

    Raises:
        Unavailable: ``outcome_unknown``, in place of `ResponseInvalid`.
    """
    try:
        yield
    except ResponseInvalid as unreadable:
        raise Unavailable(
            FailureCode.OUTCOME_UNKNOWN, stage=unreadable.stage, detail=unreadable.detail
        ) from unreadable


def fault_of(answer: Answer) -> Unavailable | None:
    """A fault of the practice's system, after which the outcome is in doubt; None for a clear answer."""
    if not answer.may_pass:
        return None
    failure = error_for(answer, body_sha256="")
    if isinstance(failure, Unavailable):
        return failure
    return Unavailable(FailureCode.OUTCOME_UNKNOWN, stage=failure.stage, detail=failure.detail)
