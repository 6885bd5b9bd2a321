from email.utils import formatdate

import pytest

from bridge.spine.clock import ClockSkew

NOW = 1_790_000_000.5


class Clocks:
    """Ours is `ahead` of theirs."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.ahead = 0.0
        self.skew = ClockSkew(clock=lambda: NOW + self.elapsed + self.ahead, elapsed=lambda: self.elapsed)

    def answer(self, *, after: float = 10.0) -> None:
        self.elapsed += after
        self.skew.hear(formatdate(NOW + self.elapsed, usegmt=True))


def test_before_the_first_answer_nothing_is_known():
    assert ClockSkew().seconds() is None


@pytest.mark.parametrize("ahead", [0.0, 90.0, -240.0])
def test_the_difference_is_known_to_about_a_second(ahead: float):
    clocks = Clocks()
    clocks.ahead = ahead
    clocks.answer()

    assert clocks.skew.seconds() == pytest.approx(ahead, abs=1.0)


def test_one_answer_that_was_on_its_way_for_long_does_not_count():
    clocks = Clocks()
    for ahead in (0.0, 0.0, 0.0, 25.0):
        clocks.ahead = ahead
        clocks.answer()

    assert clocks.skew.seconds() == pytest.approx(0.0, abs=1.0)


def test_a_clock_that_was_set_right_is_right_again():
    clocks = Clocks()
    clocks.ahead = 300.0
    for _ in range(20):
        clocks.answer()
    clocks.ahead = 0.0
    for _ in range(5):
        clocks.answer()

    assert clocks.skew.seconds() == pytest.approx(0.0, abs=1.0)


def test_answers_close_together_are_one_sample():
    clocks = Clocks()
    clocks.answer()
    clocks.ahead = 500.0
    for _ in range(9):
        clocks.answer(after=1.0)

    assert clocks.skew.seconds() == pytest.approx(0.0, abs=1.0)


@pytest.mark.parametrize("date", [None, "", "yesterday", "Sun, 99 Nov 2026 18:00:00 GMT"])
def test_a_date_that_is_none_says_nothing(date: str | None):
    skew = ClockSkew()
    skew.hear(date)

    assert skew.seconds() is None
