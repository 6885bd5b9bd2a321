"""National services and practices as the workers see them together: who is gone says nothing any more."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.ledger.storage.sightings import Sightings, UpstreamSeen, WorkerSighting
from bridge.operations import practices
from bridge.operations.errors import OperationRefused
from bridge.operations.site import operator as acting
from tests.support.operators import Operator


def seen(upstream: str, place: str, circuit: str, minutes: float | None = None) -> UpstreamSeen:
    answered_at = None if minutes is None else datetime.now(UTC) - timedelta(minutes=minutes)
    return UpstreamSeen(upstream, place, circuit, 0, answered_at, None)  # type: ignore[arg-type]  # a Literal


async def test_circuits_are_those_of_workers_that_run_and_nothing_is_made_up_of_others(tmp_path: Path):
    site = Operator(tmp_path, "nats://127.0.0.1:1", "no-bus")
    now = datetime.now(UTC)
    async with site.stores() as stores:
        assert await practices.national_services(stores) == []
        running, other, stopped, silent = (Sightings(stores.ledger.store, f"w-{each}") for each in range(4))
        await running.keep(WorkerSighting(now, [seen("pds", "", "closed", 1), seen("sds", "", "open")]))
        await other.keep(WorkerSighting(now, [seen("pds", "", "half_open")]))
        await stopped.keep(WorkerSighting(now, [seen("pds", "", "open"), seen("practice", "A12345", "open")]))
        await stopped.stop()
        long_ago = now - timedelta(minutes=5)
        await silent.keep(WorkerSighting(long_ago, [seen("pds", "", "open"), seen("ssp", "", "closed", 6)]))
        pds, sds, ssp = await practices.national_services(stores)
        assert pds.circuits == {"closed": 1, "half_open": 1}
        assert pds.answered_at is not None
        assert pds.as_of == now
        assert (sds.circuits, sds.answered_at) == ({"open": 1}, None)
        assert (ssp.circuits, ssp.as_of) == ({}, long_ago)
        assert (await practices.circuits(stores))["A12345"].circuits == {}
        nobody = await practices.practice(stores, "B99999", since=now)
        assert (nobody.circuit, nobody.ask, nobody.capabilities, nobody.areas) == (None, None, [], [])
        with pytest.raises(OperationRefused, match="ODS code"):
            await practices.ask(
                stores,
                "a practice",
                actor=acting(stores.settings, "olga"),
                given_name="Olga",
                family_name="Brandt",
                organisation_name="Sandbox General Hospital",
                reason="to see",
            )
