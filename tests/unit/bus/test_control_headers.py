"""The headers that the bus writes on its copies."""

from dataclasses import replace

import pytest

from bridge.bus import control_headers
from bridge.bus.port import Dead, Delivery, RetryAfter, TooLarge, Unroutable

DELIVERY = Delivery(b"", id="1", key="record.requested.v1", attempt=2)


@pytest.mark.parametrize(
    ("said", "attempt"),
    [(None, 1), ("3", 3), ("0", 1), ("-4", 1), ("many", 1), ("", 1), ("\u0663", 1), ("9" * 5000, 1)],
)
def test_a_count_that_makes_no_sense_is_a_first_attempt(said: str | None, attempt: int) -> None:
    assert control_headers.attempt({} if said is None else {control_headers.ATTEMPT: said}) == attempt


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, 0.0),
        ({"x-attempt": "2", "x-not-before": "1234.500", "x-wait": "5.000"}, 4.5),
        ({"x-attempt": "2", "x-not-before": "1229.500", "x-wait": "5.000"}, 0.0),
        ({"x-not-before": "1234.5", "x-wait": "5.000"}, 0.0),
        ({"x-attempt": "2", "x-not-before": "soon", "x-wait": "5.000"}, 0.0),
        ({"x-attempt": "2", "x-not-before": "inf", "x-wait": "5.000"}, 0.0),
        ({"x-attempt": "2", "x-not-before": "nan", "x-wait": "5.000"}, 0.0),
    ],
)
def test_only_a_copy_of_ours_waits(headers: dict[str, str], wait: float) -> None:
    assert control_headers.wait(headers, now=1230.0) == wait


@pytest.mark.parametrize(("set_back", "wait"), [(50, 55.0), (3600, 0.0)])
def test_a_clock_that_is_set_back_does_not_prolong_the_wait(set_back: int, wait: float) -> None:
    copy = control_headers.for_retry(DELIVERY, RetryAfter(5, "pds_error"), now=10_000)
    assert control_headers.wait(copy, now=10_000 - set_back) == wait


def test_a_retry_counts_up_and_a_dead_letter_does_not() -> None:
    retry = control_headers.for_retry(DELIVERY, RetryAfter(4, "pds_error"), now=6)
    assert retry == {
        "x-attempt": "3",
        "x-not-before": "10.000",
        "x-wait": "4.000",
        "x-retry-reason": "pds_error",
        "x-original-key": "record.requested.v1",
    }
    dead = control_headers.for_dead(DELIVERY, Dead("invalid", "line\r\nline " + "x" * 1000))
    assert dead["x-attempt"] == "2"
    assert dead["x-error-detail"].startswith("line line x")
    assert len(dead["x-error-detail"]) == 500


def test_what_cannot_be_published_names_its_topic() -> None:
    assert "medications" in str(Unroutable("medications"))
    assert TooLarge("medications").topic == "medications"


def test_tries_that_ended_with_an_error_nobody_foresaw_are_counted_until_the_message_starts_anew():
    delivery = DELIVERY
    for is_fault, count in ((False, 0), (True, 1), (False, 1), (True, 2)):
        told = control_headers.for_retry(delivery, RetryAfter(1, "internal", is_fault=is_fault), now=0)
        delivery = replace(delivery, headers=told)
        assert control_headers.faults(delivery.headers) == count
    assert control_headers.FAULTS not in control_headers.for_replay(delivery, job="job-1")
    assert control_headers.FAULTS in control_headers.OF_A_TRY
