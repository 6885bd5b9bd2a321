"""What workers see, kept with its time; and practices that are to be asked, each by one worker."""

import asyncio
from datetime import timedelta

import pytest

from bridge.ledger import Ledger
from bridge.ledger.clocks import utc_now
from bridge.ledger.storage.practice_asks import PracticeAsks
from bridge.ledger.storage.sightings import (
    CapabilitySeen,
    DirectorySeen,
    Sightings,
    UpstreamSeen,
    WorkerSighting,
)
from tests.integration.ledger.site import NHS_NUMBER, sealer_in

NOW = utc_now()
PDS = UpstreamSeen("pds", "", "closed", 1, NOW, None)
PRACTICE = UpstreamSeen("practice", "A12345", "open", 0, None, NOW)
FOUND = DirectorySeen("A12345", "urn:record", NOW, "YGM01", "200000000359", "https://practice.example/fhir")
SAID = CapabilitySeen("A12345", "urn:metadata", NOW, "1.5.0", ("gpc.getstructuredrecord",))


@pytest.fixture
def elsewhere(tmp_path):
    """A folder with another key."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


async def test_each_worker_tells_for_itself_and_what_others_say_is_shared_the_newest_counts(ledger: Ledger):
    first, second = Sightings(ledger.store, "w-1"), Sightings(ledger.store, "w-2")
    await first.keep(WorkerSighting(NOW, [PDS, PRACTICE], [FOUND], [SAID]))
    gone = DirectorySeen("A12345", "urn:record", NOW - timedelta(minutes=1), detail="endpoint_not_found")
    await second.keep(WorkerSighting(NOW + timedelta(seconds=1), [PDS], [gone]))
    seen = await first.upstreams(national=True)
    assert [(each.worker, each.seen) for each in seen] == [("w-2", PDS), ("w-1", PDS)]
    (practice,) = await second.upstreams(national=False)
    assert (practice.seen, practice.seen_at, practice.stopped_at) == (PRACTICE, NOW, None)
    assert await first.directory() == await first.directory(["A12345"]) == [FOUND]
    assert await first.capabilities(["A12345"]) == [SAID]
    later = DirectorySeen("A12345", "urn:record", NOW + timedelta(minutes=1), detail="endpoint_not_found")
    await second.keep(WorkerSighting(NOW + timedelta(seconds=2), [], [later]))
    assert await first.directory() == [later]


async def test_a_worker_that_stopped_says_so_and_one_that_was_not_heard_of_is_forgotten(ledger: Ledger):
    first, second = Sightings(ledger.store, "w-1"), Sightings(ledger.store, "w-2")
    await first.keep(WorkerSighting(NOW, [PDS]))
    await first.stop()
    (seen,) = await first.upstreams(national=True)
    assert seen.stopped_at is not None
    await second.keep(WorkerSighting(NOW + timedelta(days=8), [PDS]))
    assert [each.worker for each in await first.upstreams(national=True)] == ["w-2"]


async def test_workers_that_tell_of_the_same_practices_at_once_do_not_wait_for_each_other(ledger: Ledger):
    said = [DirectorySeen(f"A{number}", "urn:record", NOW) for number in range(20)]
    workers = [Sightings(ledger.store, f"w-{number}") for number in range(4)]
    tellings = [
        worker.keep(WorkerSighting(NOW, [PDS], said[::order])) for worker in workers for order in (1, -1)
    ]
    await asyncio.gather(*tellings)
    assert len(await workers[0].directory()) == 20


async def test_a_practice_is_asked_by_one_worker_and_whoever_asks_is_sealed(ledger: Ledger, elsewhere):
    asks = PracticeAsks(ledger.store, ledger.sealer)

    def nothing(_: object) -> None:
        """No entry."""

    person = f'{{"family_name":"Brandt {NHS_NUMBER}"}}'.encode()
    for _ in range(2):
        await asks.ask("A12345", asked_by="olga", requester=person, also=nothing)
    other_keys = PracticeAsks(ledger.store, sealer_in(elsewhere))
    assert await other_keys.take(nothing) == [], "whoever has the key answers it"
    taken = [each for some in await asyncio.gather(*(asks.take(nothing) for _ in range(3))) for each in some]
    assert [(each.practice_ods, each.requester) for each in taken] == [("A12345", person)]
    await asks.ask("A12345", asked_by="vera", requester=person, also=nothing)  # it is under way
    state = await asks.state("A12345")
    assert state is not None
    assert (state.asked_by, state.ended_at, state.is_over) == ("olga", None, False)
    await asks.end(taken[0], code="provider_timeout", detail="read_timeout", also=nothing)
    state = await asks.state("A12345")
    assert state is not None
    assert (state.code, state.ended_at is None) == ("provider_timeout", False)
    assert await asks.take(nothing) == ()
    await asks.ask("A12345", asked_by="vera", requester=person, also=nothing)
    assert len(await asks.take(nothing)) == 1
    assert await asks.state("B99999") is None
