"""Asking for sections side by side: how many at a time, and what ends the asking."""

import asyncio
from datetime import UTC, datetime

import pytest

from bridge.contracts.care_record_events import NotShown
from bridge.engine.care_record import AT_ONCE, ask_side_by_side, kept_as, still_good
from bridge.errors import FailureCode, HeldBack, Refused, ResponseInvalid, Unavailable
from bridge.gpconnect.answer import PracticeAnswer
from bridge.pipelines import CareRecord
from bridge.record.sections import SECTIONS

ALL = [(code, None) for code in SECTIONS]


def answer(body, *, retrieved_at="2026-11-22T09:00:00.000Z", practice_ods="A82038"):
    return PracticeAnswer(body.encode(), retrieved_at, "trace", practice_ods)


class Practice:
    """Answers, but for the sections that have a failure or `never` come; `room` calls at a time."""

    def __init__(self, failures=None, room=100, never=()):
        self.failures = failures or {}
        self.never = never
        self.room = room
        self.asked = []
        self.inside = self.most = 0

    async def __call__(self, code, _period):
        if self.inside >= self.room:
            raise HeldBack(FailureCode.PROVIDER_TIMEOUT, stage="provider", detail="busy", retry_after=1.0)
        self.asked.append(code)
        self.inside += 1
        self.most = max(self.most, self.inside)
        await (asyncio.Event().wait() if code in self.never else asyncio.sleep(0))
        self.inside -= 1
        if code in self.failures:
            raise self.failures[code]
        return answer(code)


async def test_all_are_asked_for_a_few_at_a_time():
    practice = Practice()
    answers = await ask_side_by_side(ALL, practice)
    assert set(answers.came) == set(SECTIONS)
    assert answers.failed == {}
    assert practice.most == AT_ONCE > 1


async def test_one_that_fails_costs_no_other():
    failures = {
        "REF": Refused(FailureCode.REQUEST_REFUSED, stage="provider"),
        "OBS": Unavailable(FailureCode.PROVIDER_ERROR, stage="provider"),
        "ADM": ResponseInvalid(stage="provider", detail="not_json"),
    }
    answers = await ask_side_by_side(ALL, Practice(failures))
    assert answers.failed == failures
    assert set(answers.came) == set(SECTIONS) - set(failures)


@pytest.mark.parametrize("room", [1, 2, 3])
async def test_a_practice_with_less_room_is_asked_for_fewer_at_a_time(room):
    practice = Practice(room=room)
    answers = await ask_side_by_side(ALL, practice)
    assert set(answers.came) == set(SECTIONS)
    assert practice.most == room
    assert len(practice.asked) == len(SECTIONS)


async def test_a_practice_without_room_is_left_alone():
    answers = await ask_side_by_side(ALL, Practice(room=0))
    assert answers.came == {}
    assert set(answers.failed) == set(SECTIONS)
    assert all(isinstance(error, HeldBack) for error in answers.failed.values())


@pytest.mark.duty("HT-033")
@pytest.mark.parametrize(
    "refusal",
    [
        Refused(FailureCode.SHARING_REFUSED, stage="provider", detail="dissent"),
        Refused(FailureCode.PATIENT_NOT_FOUND, stage="provider"),
        Refused(FailureCode.PRACTICE_MISMATCH, stage="provider"),
        Refused(FailureCode.PRACTICE_NOT_ENABLED, stage="sds"),
        Refused(FailureCode.CONFIGURATION, stage="spine"),
    ],
)
async def test_a_no_that_holds_for_all_ends_the_calls(refusal):
    practice = Practice({"SUM": refusal})
    with pytest.raises(Refused) as raised:
        await ask_side_by_side(ALL, practice)
    assert raised.value is refusal
    assert len(practice.asked) <= AT_ONCE


async def test_a_section_that_takes_for_ever_costs_no_other():
    practice = Practice(never={"MED", "OBS"})
    answers = await ask_side_by_side(ALL, practice, until=asyncio.get_running_loop().time() + 0.5)
    assert set(answers.came) == set(SECTIONS) - {"MED", "OBS"}
    assert {error.detail for error in answers.failed.values()} == {"request timeout"}
    assert all(error.retryable for error in answers.failed.values())


async def test_what_nobody_foresaw_is_raised_as_it_is():
    with pytest.raises(ZeroDivisionError):
        await ask_side_by_side(ALL, Practice({"ENC": ZeroDivisionError()}))


def test_the_longest_pause_that_was_asked_for_decides():
    soon = Unavailable(FailureCode.PROVIDER_ERROR, stage="provider")
    later = Unavailable(FailureCode.RATE_LIMITED, stage="spine", retry_after=30.0)
    never = Refused(FailureCode.REQUEST_REFUSED, stage="provider")
    record = CareRecord([], [NotShown("ENC", soon), NotShown("OBS", later), NotShown("ADM", never)])
    assert record.missing is later
    assert CareRecord([], [NotShown("ADM", never)]).missing is None


NOW = datetime(2026, 11, 22, 9, 10, tzinfo=UTC)


@pytest.mark.duty("HT-012")
def test_what_came_a_moment_ago_from_the_same_practice_need_not_be_asked_for_again():
    earlier = [
        (kept_as("SUM"), answer("SUM")),
        (kept_as("ENC"), answer("ENC", practice_ods="B81001")),
        (kept_as("OBS"), answer("OBS", retrieved_at="2026-11-22T08:54:59.000Z")),
        ("urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1", answer("MED")),
    ]
    good = still_good(earlier, practice_ods="A82038", now=NOW)
    assert {code: kept.body for code, kept in good.items()} == {"SUM": b"SUM"}


def test_of_two_answers_the_later_one_counts():
    earlier = [(kept_as("SUM"), answer("SUM")), (kept_as("SUM"), answer("again"))]
    assert still_good(earlier, practice_ods="A82038", now=NOW)["SUM"].body == b"again"
