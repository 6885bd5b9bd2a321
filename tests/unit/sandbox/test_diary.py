"""The appointment book itself: its rota, the clocks of spring and autumn, and many who want one slot at once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from bridge.sandbox.appointments.diary import Diary
from bridge.sandbox.appointments.entries import BookingWish
from bridge.sandbox.appointments.premises import Premises
from bridge.sandbox.appointments.rota import day_of, uk
from bridge.sandbox.appointments.slots import read_search, search_bundle, slot_resource
from bridge.sandbox.outcomes import Refusal
from bridge.sandbox.world import MAIN, OLDER

MONDAY = date(2026, 3, 23)  # the clocks go forward on the Sunday after


def diary(now="2026-03-23T09:05:00+00:00", *, practice=MAIN, seed=1, weeks=2, clinicians=5):
    moment = [datetime.fromisoformat(now)]
    made = Diary(practice, Premises(practice, clinicians), seed=seed, weeks=weeks, clock=lambda: moment[0])
    return made, moment


def wish(*slots, patient="p"):
    return BookingWish(
        patient_id=patient,
        nhs_number="9990000018",
        slot_ids=tuple(slot.id for slot in slots),
        start=slots[0].start,
        end=slots[-1].end,
        created="2026-03-23T09:00:00+00:00",
        description="Review",
        comment=None,
        organisation={},
        organisation_ods="RZZ01",
        organisation_type=None,
        trace_id=None,
    )


def ids(slots):
    return [slot.id for slot in slots]


def test_the_same_seed_practice_and_date_give_the_same_slots():
    premises = Premises(MAIN, 5)
    first, again = (list(day_of(premises, MONDAY, 1)) for _ in range(2))
    assert [(slot.id, slot.taken_by) for slot in first] == [(slot.id, slot.taken_by) for slot in again]
    for other in (
        day_of(premises, MONDAY, 2),
        day_of(premises, MONDAY + timedelta(days=1), 1),
        day_of(Premises(OLDER, 5), MONDAY, 1),
    ):
        assert not set(ids(first)) & set(ids(other))


def test_asking_on_another_day_gives_the_same_slots_and_more():
    early, moment = diary()
    before = set(ids(early.slots()))
    moment[0] += timedelta(days=3)
    later, _ = diary("2026-03-26T09:05:00+00:00")
    assert before < set(ids(early.slots()))
    assert set(ids(later.slots())) < set(ids(early.slots()))


def test_a_full_practice_has_thousands_of_slots_in_two_weeks():
    full, _ = diary(clinicians=30, practice=OLDER)
    assert 6_000 < len(list(full.slots(first=MONDAY, last=MONDAY + timedelta(days=13)))) < 7_000


def test_sessions_have_their_gaps_and_weekends_their_own():
    held = list(day_of(Premises(MAIN, 5), MONDAY, 1))
    morning = [slot for slot in held if slot.schedule.name == "General Medical Morning"]
    assert Counter(before.end == after.start for before, after in pairwise(morning)) == {True: 8, False: 1}
    assert len({(slot.channel, slot.service) for slot in morning}) == 3
    saturday = {slot.schedule.name for slot in day_of(Premises(MAIN, 5), date(2026, 3, 28), 1)}
    assert saturday == {"General Medical Morning", "Telephone Surgery"}


@pytest.mark.parametrize(
    ("day", "offset"),
    [
        (date(2026, 3, 28), "+00:00"),
        (date(2026, 3, 29), "+01:00"),
        (date(2026, 10, 24), "+01:00"),
        (date(2026, 10, 25), "+00:00"),
    ],
)
def test_offsets_are_those_of_the_day(day, offset):
    slot = next(day_of(Premises(MAIN, 5), day, 1))
    resource = slot_resource(slot)
    assert (resource["start"], resource["end"]) == (f"{day}T08:30:00{offset}", f"{day}T08:40:00{offset}")


def query(start, end):
    return [("start", f"ge{start}"), ("end", f"le{end}"), ("status", "free"), ("_include", "Slot:schedule")]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-03-25", "2026-04-08", ("2026-03-25T00:00:00+00:00", "2026-04-09T00:00:00+01:00")),
        (
            "2026-03-25T09:00:00+00:00",
            "2026-04-08T09:00:00+01:00",
            ("2026-03-25T09:00:00+00:00", "2026-04-08T09:00:00+01:00"),
        ),
        (
            "2026-10-20T09:00:00+01:00",
            "2026-11-03T09:00:00+00:00",
            ("2026-10-20T09:00:00+01:00", "2026-11-03T09:00:00+00:00"),
        ),
        (
            "2026-03-25T09:00:00+00:00",
            "2026-04-08T10:00:00+01:00",
            ("2026-03-25T09:00:00+00:00", "2026-04-08T10:00:00+01:00"),
        ),
        ("2026-03-29", "2026-03-29", ("2026-03-29T00:00:00+00:00", "2026-03-30T00:00:00+01:00")),
    ],
)
def test_two_weeks_over_a_change_of_the_clocks(start, end, expected):
    search = read_search(query(start, end))
    assert (search.start.isoformat(), search.end.isoformat()) == expected


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-03-25T09:00:00+01:00", "2026-04-01T09:00:00+01:00"),
        ("2026-03-25T09:00:00+00:00", "2026-04-01T09:00:00+00:00"),
        ("2026-03-25T09:00:00+00:00", "2026-04-08T10:00:01+01:00"),
    ],
)
def test_an_offset_of_the_other_season_and_an_hour_too_much(start, end):
    with pytest.raises(Refusal):
        read_search(query(start, end))


def test_a_search_is_for_free_slots_whole_inside_the_range():
    book, _ = diary()
    search = read_search(query("2026-03-24T08:35:00+00:00", "2026-03-24T09:05:00+00:00"))
    body = search_bundle(book, search)
    assert b"2026-03-24T08:30" not in body
    assert b'"start":"2026-03-24T09:00:00+00:00","end":"2026-03-24T09:10' not in body
    assert b"2026-03-24T08:40" in body


def test_of_many_threads_that_want_one_slot_one_gets_it():
    book, _ = diary()
    slot = next(slot for slot in book.slots(first=MONDAY + timedelta(days=1)) if slot.taken_by is None)

    def book_it(number):
        try:
            return book.book(wish(slot, patient=f"p{number}")).id
        except Refusal as refusal:
            return refusal.code

    with ThreadPoolExecutor(8) as pool:
        outcomes = Counter(pool.map(book_it, range(200)))
    assert outcomes.pop("DUPLICATE_REJECTED") == 199
    assert list(outcomes) == [slot.taken_by]


def test_what_becomes_past_can_no_longer_be_changed():
    book, moment = diary()
    slot = next(slot for slot in book.slots(first=MONDAY + timedelta(days=1)) if slot.taken_by is None)
    appointment = book.book(wish(slot))
    moment[0] = datetime(2026, 3, 25, tzinfo=UTC)
    for change in (
        lambda: book.amend(appointment.id, description="Other", comment=None),
        lambda: book.cancel(appointment.id, "Other"),
        lambda: book.book(wish(slot)),
    ):
        with pytest.raises(Refusal) as refused:
            change()
        assert refused.value.code == "INVALID_RESOURCE"
    assert uk(date(2026, 3, 25)) > appointment.end


def test_what_is_cancelled_stays_so_and_frees_only_its_own_slots():
    book, _ = diary()
    slot = next(slot for slot in book.slots(first=MONDAY + timedelta(days=1)) if slot.taken_by is None)
    cancelled = book.book(wish(slot))
    book.cancel(cancelled.id, "Moved away")
    again = book.book(wish(slot))
    for change in (
        lambda: book.cancel(cancelled.id, "Again"),
        lambda: book.amend(cancelled.id, description="Other", comment=None),
    ):
        with pytest.raises(Refusal):
            change()
    assert slot.taken_by == again.id
    assert [change.action for change in cancelled.history] == ["booked", "cancelled"]
