from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.engine.retry import pause_before_retry
from bridge.errors import FailureCode, HeldBack, Unavailable
from bridge.settings import RetrySettings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = RetrySettings(first_delay=5, max_delay=300, longest_wait=3600)


def pause(attempt, retry_after=None, expires_in=None):
    failure = Unavailable(FailureCode.PROVIDER_TIMEOUT, stage="provider", retry_after=retry_after)
    expires_at = None if expires_in is None else NOW + timedelta(seconds=expires_in)
    return pause_before_retry(failure, attempt=attempt, now=NOW, expires_at=expires_at, policy=POLICY)


@pytest.mark.duty("SP-037")
def test_there_are_at_most_three_retries():
    assert [pause(attempt) is not None for attempt in range(1, 7)] == [True, True, True, False, False, False]


def test_what_was_held_back_comes_again_more_often_and_soon_but_not_for_ever():
    failure = HeldBack(FailureCode.PROVIDER_ERROR, stage="provider", detail="circuit_open", retry_after=6)
    pauses = [
        pause_before_retry(failure, attempt=attempt, now=NOW, expires_at=None, policy=POLICY)
        for attempt in range(1, 11)
    ]

    assert [found is not None for found in pauses] == [True] * 8 + [False] * 2
    assert all(6 <= found <= 7.5 for found in pauses if found is not None)


@given(st.integers(1, 3))
def test_the_pause_grows_and_has_jitter_on_top(attempt):
    base = 5 * 3 ** (attempt - 1)
    pauses = {pause(attempt) for _ in range(20)}
    assert all(base <= found <= base * 1.5 for found in pauses)
    assert len(pauses) > 1


@given(st.floats(min_value=0, max_value=3600))
def test_retry_after_is_never_undercut(seconds):
    found = pause(1, retry_after=seconds)
    assert found is not None
    assert found >= seconds


def test_a_retry_after_longer_than_the_site_waits_ends_the_request():
    assert pause(1, retry_after=3601) is None


def test_no_retry_would_start_after_the_expiry():
    assert pause(1, expires_in=4) is None
    assert pause(1, expires_in=60) is not None


def test_a_retry_after_as_long_as_the_site_waits_is_waited_for():
    assert pause(3, retry_after=3600) == 3600


def test_a_retry_at_the_very_end_of_the_time_is_too_late():
    assert pause(1, retry_after=300, expires_in=300) is None
    assert pause(1, retry_after=300, expires_in=300.001) == 300
