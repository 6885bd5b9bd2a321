"""Requests that the trail tells of and the ledger does not hold: deleted by somebody, or erased in their time."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.ledger import Ledger
from bridge.ledger.audit.matching import unheld, unrecorded
from bridge.ledger.audit.trail import AuditBroken
from bridge.ledger.storage.store import untold
from tests.integration.ledger.site import START, events, opening, started
from tests.integration.ledger.trail import OFFICER, Site, entry

pytestmark = pytest.mark.duty("JO-024")

DAY = timedelta(days=1)
ALL_GONE = START + 2921 * DAY


@pytest.fixture
async def site(ledger: Ledger, tmp_path):
    """Three requests that ended, each with its entry."""
    opened = Site(ledger.store, tmp_path / "keys")
    await opened.trail.prepare()
    for number in range(1, 4):
        lease = started(await ledger.begin(opening(number))).lease
        told = opened.trail.step(entry(number))
        await ledger.finish(lease, state="completed", code=None, events=events(number), also=told)
        await ledger.published(lease.request_key, [event.id for event in events(number)])
    return opened


async def found(site: Site, kept_for: timedelta | None = None) -> list[str]:
    return [str(each) for each in await site.trail_that_misses_requests_for(kept_for).verify()]


async def test_a_request_that_somebody_deleted_is_named(site: Site):
    assert await found(site) == []
    await site.intrude("DELETE FROM requests WHERE request_key IN ('/epr r-1', '/epr r-3')")
    assert await found(site) == ["unheld 2 requests: /epr r-1, /epr r-3"]


async def test_both_are_compared_in_parts_that_leave_nothing_out_and_count_nothing_twice(site: Site):
    await site.trail.record(entry(1))  # a second one of the same request
    await site.intrude(
        "DELETE FROM requests WHERE request_key IN ('/epr r-1', '/epr r-3')",
        "DELETE FROM audit_entries WHERE request_key = '/epr r-2'",
    )
    for size in (1, 2, 3, 100):
        gone = await unheld(site.store, None, untold, part=size)
        assert str(gone) == "unheld 2 requests: /epr r-1, /epr r-3"
        assert str(await unrecorded(site.store, untold, part=size)) == "unrecorded 1 requests: /epr r-2"


async def test_one_whose_time_is_over_is_not_missed(site: Site):
    await site.intrude("DELETE FROM requests")
    assert await found(site, 2 * DAY) == ["unheld 3 requests: /epr r-1, /epr r-2, /epr r-3"]
    assert await found(site, timedelta(0)) == []


async def test_what_the_trail_says_was_erased_is_not_missed_however_long_others_are_kept(
    site: Site, ledger: Ledger
):
    await site.trail.note_forgotten(OFFICER, datetime.now(UTC))
    assert (await ledger.oversight.prune(ALL_GONE)).requests == 3
    assert await found(site) == []


async def test_what_was_erased_long_before_excuses_nothing(site: Site):
    await site.trail.note_forgotten(OFFICER, datetime.now(UTC) - 2 * DAY)
    await site.intrude("DELETE FROM requests WHERE request_key = '/epr r-2'")
    assert await found(site) == ["unheld 1 requests: /epr r-2"]


async def test_an_entry_of_no_request_is_none_that_is_missed(site: Site):
    await site.trail.record(entry(request_key=None))
    assert await found(site) == []


async def test_nothing_is_erased_that_a_broken_trail_cannot_tell_of(site: Site):
    await site.intrude("DELETE FROM audit_heads")
    with pytest.raises(AuditBroken):
        await site.trail.note_forgotten(OFFICER, datetime.now(UTC))
