"""How good records are, counted from what each request leaves: nothing twice, nothing lost, nobody held up."""

import asyncio
from datetime import date, timedelta
from functools import partial

import asyncpg  # type: ignore[import-untyped]  # ships no types
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import create_async_engine

from bridge.ledger import Circumstances, Ledger, QualityFound, QualityNote
from bridge.ledger.storage import quality
from bridge.ledger.storage.quality import QualityExample, QualityLine
from tests.integration.ledger.site import START, Clock, opening, started

DAY = START.date()
ALLERGIES = QualityNote("issue", "allergies", "degraded_code", 2, "AllergyIntolerance/a1")
UNMAPPED = QualityNote("unmapped", "", "unknown_type", 1)


async def end(
    ledger: Ledger, number: int, *notes: QualityNote, practice: str = "A12345", supplier: str | None = "YGM01"
) -> None:
    claim = started(await ledger.begin(opening(number)))
    told = Circumstances(found=[QualityFound(practice, supplier, notes)])
    await ledger.finish(claim.lease, state="completed", code=None, events=[], told=told)


async def lines(ledger: Ledger, since: date = DAY, *, by_practice: bool = False) -> list[QualityLine]:
    until, found = await ledger.oversight.quality(
        since=since, practice_ods=None, supplier_ods=None, by_practice=by_practice
    )
    assert until is None
    return list(found)


async def test_what_requests_leave_is_added_up_by_supplier_area_and_code(ledger: Ledger, clock: Clock):
    await end(ledger, 1, ALLERGIES, UNMAPPED)
    assert [(line.code, line.count) for line in await lines(ledger)] == [
        ("degraded_code", 2),
        ("unknown_type", 1),
    ]
    clock.turn(86_400)
    later = QualityNote("issue", "allergies", "degraded_code", 3, "AllergyIntolerance/b7")
    await end(ledger, 2, later, practice="B99999")
    await end(ledger, 3, UNMAPPED, practice="C11111", supplier=None)
    found = await lines(ledger)
    assert found[0] == QualityLine(
        supplier_ods="YGM01",
        practice_ods=None,
        area="allergies",
        kind="issue",
        code="degraded_code",
        practices=2,
        count=5,
        records=2,
        first_day=DAY,
        last_day=DAY + timedelta(days=1),
        example=QualityExample(
            START + timedelta(days=1), "B99999", "AllergyIntolerance/b7", opening(2).request_key
        ),
    )
    assert [(line.supplier_ods, line.count) for line in found[1:]] == [(None, 1), ("YGM01", 1)]
    assert [line.practice_ods for line in await lines(ledger, by_practice=True)] == [
        *("B99999", "A12345", "C11111", "A12345")
    ]
    assert [line.count for line in await lines(ledger, DAY + timedelta(days=1))] == [3, 1]


async def test_nothing_is_counted_twice_or_lost_while_others_fold_and_more_requests_end(ledger: Ledger):
    async def fold() -> None:
        for _ in range(10):
            await ledger.oversight.fold_quality()

    await asyncio.gather(*(end(ledger, number, ALLERGIES) for number in range(40)), fold(), fold())
    (line,) = await lines(ledger)
    assert (line.count, line.records) == (80, 40)
    left = select(func.count()).select_from(quality.notes)
    assert await ledger.store.read(lambda connection: connection.scalar(left)) == 0


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
async def test_who_folds_keeps_no_request_from_ending(ledger: Ledger, postgres_url: str):
    await end(ledger, 1, ALLERGIES)
    connect = partial(asyncpg.connect, postgres_url)
    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect)
    async with engine.begin() as connection:
        await connection.run_sync(quality.fold)
        await end(ledger, 2, ALLERGIES)  # of the same practice, day and code
        assert not await ledger.oversight.fold_quality()  # nor does a second one wait
    await engine.dispose()
    (line,) = await lines(ledger)
    assert (line.count, line.records) == (4, 2)


async def test_days_are_forgotten_with_the_requests_they_are_of(ledger: Ledger):
    await end(ledger, 1, ALLERGIES)
    assert len(await lines(ledger)) == 1
    await ledger.oversight.prune(START + timedelta(days=2921))
    assert await lines(ledger) == []
