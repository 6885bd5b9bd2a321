"""What a worker tells of those it calls: what is new, at once where it matters, and again when it was not kept."""

import pytest

from bridge.engine.sightings import Seen, Sight
from bridge.errors import Refused
from bridge.gpconnect import GpConnect
from bridge.ledger import LedgerUnavailable
from bridge.ledger.storage.sightings import DirectorySeen, UpstreamSeen, WorkerSighting
from bridge.spine import Spine
from tests.integration.spine.world import ASID, PRACTICE, ROOT, WANTED, World, patient, requester, searchset


class Kept:
    """A journal that keeps what it is told, unless it is away."""

    def __init__(self) -> None:
        self.told: list[Seen] = []
        self.is_away = False

    async def keep(self, sighting: WorkerSighting) -> None:
        if self.is_away:
            raise LedgerUnavailable("ConnectionRefusedError")
        self.told += [*sighting.upstreams, *sighting.directory, *sighting.capabilities]

    async def stop(self) -> None:
        self.told.clear()

    def take(self) -> list[Seen]:
        told, self.told = self.told, []
        return told


async def test_what_changed_is_told_once_and_again_when_it_could_not_be_kept(
    spine: Spine, gpconnect: GpConnect, world: World
):
    kept = Kept()
    sight = Sight(spine, gpconnect, kept)
    await sight.tell()
    assert kept.take() == [UpstreamSeen(name, "", "closed", 0, None, None) for name in ("pds", "sds", "ssp")]
    await sight.tell()
    assert kept.take() == []

    traced = await gpconnect.trace(patient(), requested_by=requester())
    await gpconnect.structured_record(traced, wanted=WANTED, requested_by=requester())
    kept.is_away = True
    with pytest.raises(LedgerUnavailable):
        await sight.tell()
    kept.is_away = False
    await sight.tell()
    told = kept.take()
    services = [each for each in told if isinstance(each, UpstreamSeen)]
    assert [(each.upstream, each.place) for each in services] == [
        *(("pds", ""), ("sds", ""), ("ssp", ""), ("practice", PRACTICE))
    ]
    assert all(each.answered_at and not each.failed_at for each in services)
    (found,) = [each for each in told if isinstance(each, DirectorySeen)]
    assert (found.practice_ods, found.asid, found.address, found.detail) == (PRACTICE, ASID, ROOT, None)

    await gpconnect.structured_record(traced, wanted=WANTED, requested_by=requester())
    await sight.tell()
    # That a practice answered again, and where it still is, can wait: there may be thousands.
    assert {each.place for each in kept.take() if isinstance(each, UpstreamSeen)} == {""}

    world.endpoints = searchset()
    with pytest.raises(Refused):
        await gpconnect.structured_record(traced, wanted=WANTED, requested_by=requester())
    await sight.tell()
    (gone,) = [each for each in kept.take() if isinstance(each, DirectorySeen)]
    assert (gone.asid, gone.detail) == (None, "endpoint_not_found")
