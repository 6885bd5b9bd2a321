"""Calls that change something at a practice: what is not a clear yes or no leaves doubt."""

from collections.abc import Iterator
from contextlib import contextmanager

from bridge.errors import FailureCode, ResponseInvalid, Unavailable


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
