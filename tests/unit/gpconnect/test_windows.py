"""Windows of time, cut into what one search may ask for."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.gpconnect.windows import LONDON, Window, local

FORTNIGHT = timedelta(days=14)
LAST_SUNDAY_OF_OCTOBER, LAST_SUNDAY_OF_MARCH = date(2026, 10, 25), date(2027, 3, 28)

DAY_ONE = datetime(2026, 1, 1, tzinfo=UTC)
moments = st.timedeltas(timedelta(), timedelta(days=730)).map(lambda after: DAY_ONE + after)
lengths = st.timedeltas(min_value=timedelta(minutes=1), max_value=timedelta(days=60))


def wall(moment: datetime) -> datetime:
    return moment.astimezone(LONDON).replace(tzinfo=None)


@pytest.mark.duty("AP-007")
@given(moments, lengths)
def test_no_part_is_longer_than_two_weeks_by_clock_or_calendar_and_all_are_the_whole(start, length):
    window = Window(start, start + length)
    parts = list(window.fortnights())

    assert (parts[0].start, parts[-1].end) == (window.start, window.end)
    for part in parts:
        assert part.end - part.start <= FORTNIGHT
        assert wall(part.end) - wall(part.start) <= FORTNIGHT
    assert len(parts) <= length / timedelta(days=12.9) + 1


@pytest.mark.duty("AP-007")
@given(moments, lengths, st.floats(0, 1), st.integers(5, 24 * 60))
def test_every_slot_lies_wholly_inside_a_part(start, length, place, minutes):
    window = Window(start, start + length)
    begins = window.start + (window.end - window.start) * place
    ends = begins + timedelta(minutes=minutes)

    found = [part for part in window.fortnights() if part.start <= begins and ends <= part.end]

    assert bool(found) == (ends <= window.end)


@pytest.mark.duty("AP-007")
def test_a_fortnight_that_would_end_in_the_hour_that_the_clocks_skip_ends_before_it():
    start = datetime(2027, 3, 14, 1, 0, tzinfo=UTC)
    part = next(Window(start, start + timedelta(days=40)).fortnights())
    assert local(part.end) == "2027-03-28T00:00:00+00:00"


def test_two_weeks_are_one_search():
    ((part), *more) = Window.of(date(2026, 11, 23), date(2026, 12, 6)).fortnights()
    assert (local(part.start), local(part.end)) == ("2026-11-23T00:00:00+00:00", "2026-12-07T00:00:00+00:00")
    assert more == []


@pytest.mark.duty("AP-004")
@pytest.mark.parametrize(
    ("change", "offsets"),
    [(LAST_SUNDAY_OF_OCTOBER, ("+01:00", "+00:00")), (LAST_SUNDAY_OF_MARCH, ("+00:00", "+01:00"))],
)
def test_each_end_has_the_offset_of_its_own_day(change: date, offsets: tuple[str, str]):
    window = Window.of(change, change)
    assert (local(window.start), local(window.end)) == (
        f"{change}T00:00:00{offsets[0]}",
        f"{change + timedelta(days=1)}T00:00:00{offsets[1]}",
    )
    hours = {"+01:00": 25, "+00:00": 23}[offsets[0]]
    assert window.end - window.start == timedelta(hours=hours)


def test_moments_and_days_can_be_mixed():
    start = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    assert Window.of(start, date(2026, 11, 23)).end == datetime(2026, 11, 24, tzinfo=UTC)
    assert Window.of(start, start + timedelta(hours=1)) == Window(start, start + timedelta(hours=1))


@pytest.mark.duty("AP-021")
def test_what_has_passed_is_left_out():
    window = Window.of(date(2026, 11, 23), date(2026, 11, 24))
    now = datetime(2026, 11, 23, 9, 30, 12, 345, tzinfo=UTC)
    ahead = window.not_before(now)
    assert ahead is not None
    assert local(ahead.start) == "2026-11-23T09:30:12+00:00"
    assert window.not_before(window.start - timedelta(days=1)) == window
    assert window.not_before(window.end) is None


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (datetime.fromisoformat("2026-11-23T00:00:00"), datetime(2026, 11, 24, tzinfo=UTC)),
        (datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)),
    ],
)
def test_what_is_no_window(start: datetime, end: datetime):
    with pytest.raises(ValueError, match=r"offset|end"):
        Window(start, end)
