"""Real calls through the bulkheads: what a practice or a service that fails costs itself, and nobody else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import FailureCode, HeldBack, Unavailable
from bridge.gpconnect import GpConnect
from bridge.settings import SpineSettings, SspSettings
from bridge.spine import Spine
from bridge.spine.bulkhead import Circuit
from bridge.spine.pds import TracedPatient
from tests.integration.spine import world as worlds
from tests.support.http_server import HttpServer, Request, answer

HANGING, HEALTHY = "A00001", "A00002"
BUNDLE = answer({"resourceType": "Bundle", "entry": []})


def traced(practice: str) -> TracedPatient:
    return TracedPatient(
        nhs_number=worlds.NHS_NUMBER,
        superseded=None,
        family_name=None,
        given_names=(),
        birth_date=None,
        gender=None,
        practice_ods=practice,
        traced_at="",
    )


@asynccontextmanager
async def opened(pds_key: Path, **spine: Any) -> AsyncIterator[tuple[worlds.World, Spine]]:
    settings = SpineSettings(allowed_hosts=("gp.example.nhs.uk",), **spine)
    async with worlds.world(pds_key, spine=settings) as world:

        def endpoint(request: Request) -> bytes:
            ods = HANGING if HANGING in request.target else HEALTHY
            return worlds.searchset(worlds.endpoint(f"https://gp.example.nhs.uk/{ods}/STU3/1/gpconnect"))

        world.endpoints = endpoint
        async with Spine.open(world.settings) as opened_spine:
            yield world, opened_spine


async def ask(spine: Spine, practice: str) -> object:
    return await GpConnect(spine).structured_record(
        traced(practice), wanted=worlds.WANTED, requested_by=worlds.requester()
    )


def circuits(spine: Spine) -> dict[str, Circuit]:
    return {facts.where or facts.upstream: facts.circuit for facts in spine.bulkheads()}


@pytest.mark.duty("SP-036", "SP-037")
async def test_a_practice_that_fails_is_left_alone_and_the_others_are_called(pds_key: Path):
    async with opened(pds_key, circuit_failures=3) as (world, spine):
        world.practice = lambda request: answer(status=503) if HANGING in request.target else BUNDLE
        for _ in range(3):
            with pytest.raises(Unavailable, match="http=503"):
                await ask(spine, HANGING)
        with pytest.raises(HeldBack, match="circuit_open") as held:
            await ask(spine, HANGING)
        await ask(spine, HEALTHY)

        assert held.value.code is FailureCode.PROVIDER_ERROR
        assert (held.value.retry_after or 0) >= 29
        assert len(world.of("practice")) == 4
        assert circuits(spine) == {
            "pds": Circuit.CLOSED,
            "sds": Circuit.CLOSED,
            "ssp": Circuit.CLOSED,
            HANGING: Circuit.OPEN,
            HEALTHY: Circuit.CLOSED,
        }


async def test_a_practice_that_is_well_again_is_called_again(pds_key: Path):
    async with opened(pds_key, circuit_failures=1, circuit_pause=0.05) as (world, spine):
        world.practice = answer(status=500)
        with pytest.raises(Unavailable, match="http=500"):
            await ask(spine, HEALTHY)
        world.practice = BUNDLE
        while circuits(spine)[HEALTHY] is not Circuit.CLOSED:
            await asyncio.gather(ask(spine, HEALTHY), return_exceptions=True)
            await asyncio.sleep(0.01)

        await ask(spine, HEALTHY)


class Waiting:
    """A proxy behind which one practice takes requests and answers when the test says so."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.server = HttpServer(self._handle)

    async def _handle(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if HANGING in request.target:
            await self.answers.wait()
        writer.write(BUNDLE)

    async def taken(self, count: int) -> None:
        """Return when so many requests have come."""
        while len(self.server.requests) < count:
            await asyncio.sleep(0.01)


@asynccontextmanager
async def behind(waiting: Waiting, pds_key: Path, **spine: Any) -> AsyncIterator[Spine]:
    async with opened(pds_key, **spine) as (world, _), waiting.server as proxy:
        settings = world.settings.model_copy(update={"ssp": SspSettings(url=proxy.url)})
        async with Spine.open(settings) as opened_spine:
            yield opened_spine


async def test_a_practice_that_hangs_holds_no_more_slots_once_it_is_silent(pds_key: Path):
    """Long before the first call times out: its requests come back at once, and hold nothing."""
    proxy = Waiting()
    async with behind(proxy, pds_key, practice_patience=0.05) as spine:
        hanging = [asyncio.create_task(ask(spine, HANGING)) for _ in range(2)]
        await proxy.taken(2)
        await asyncio.sleep(0.06)
        with pytest.raises(HeldBack, match="silent"):
            await ask(spine, HANGING)
        await ask(spine, HEALTHY)

        assert len(proxy.server.requests) == 3
        proxy.answers.set()
        await asyncio.gather(*hanging)  # what was in flight was left alone
        await ask(spine, HANGING)


async def test_a_practice_gets_no_more_calls_at_a_time_than_it_may(pds_key: Path):
    proxy = Waiting()
    async with behind(proxy, pds_key, practice_concurrency=3, practice_patience=60) as spine:
        taken = [asyncio.create_task(ask(spine, HANGING)) for _ in range(3)]
        await proxy.taken(3)
        for _ in range(5):
            with pytest.raises(HeldBack, match="busy"):
                await ask(spine, HANGING)
        proxy.answers.set()
        await asyncio.gather(*taken)

        facts = next(facts for facts in spine.bulkheads() if facts.where == HANGING)
        assert (facts.in_flight, facts.held_back) == (0, 5)


async def test_a_practice_gets_no_more_calls_a_second_than_it_may(pds_key: Path):
    async with opened(pds_key, practice_rate_per_second=0.01) as (world, spine):
        await ask(spine, HEALTHY)
        with pytest.raises(HeldBack, match="rate_limited") as held:
            await ask(spine, HEALTHY)

        assert 0 < (held.value.retry_after or 0) <= 100
        assert len(world.of("practice")) == 1


@pytest.mark.parametrize("name", ["pds", "sds"])
async def test_a_directory_that_fails_is_not_called_for_a_while(pds_key: Path, name: str):
    async with opened(pds_key, circuit_failures=2) as (world, spine):
        world.pds = world.own_devices = answer(status=502)

        async def call() -> object:
            return await (
                spine.pds.trace(worlds.NHS_NUMBER, organisation="RXX")
                if name == "pds"
                else ask(spine, HEALTHY)
            )

        for _ in range(2):
            with pytest.raises(Unavailable, match="http=502"):
                await call()
        asked = len(world.server.requests)
        with pytest.raises(HeldBack) as held:
            await call()

        assert (held.value.code, held.value.stage) == (FailureCode.SPINE_ERROR, name)
        assert len(world.server.requests) == asked
        assert circuits(spine)[name] is Circuit.OPEN


async def test_a_proxy_that_is_away_opens_its_own_circuit_and_no_practices(pds_key: Path):
    async with opened(pds_key, circuit_failures=2) as (world, _):
        settings = world.settings.model_copy(update={"ssp": SspSettings(url="http://localhost:9")})
        async with Spine.open(settings) as spine:
            for practice in (HANGING, HEALTHY):
                with pytest.raises(Unavailable, match="connect_failed"):
                    await ask(spine, practice)
            with pytest.raises(HeldBack, match="circuit_open") as held:
                await ask(spine, HEALTHY)

            assert held.value.code is FailureCode.SPINE_ERROR
            assert circuits(spine)["ssp"] is Circuit.OPEN
            assert {circuits(spine)[HANGING], circuits(spine)[HEALTHY]} == {Circuit.CLOSED}


@pytest.mark.parametrize(("service", "rate"), [("sds", 40), ("ssp", 20)])
async def test_national_services_are_asked_no_faster_than_they_may_be(
    pds_key: Path, service: str, rate: float
):
    async with opened(pds_key) as (world, _):
        group = getattr(world.settings, service).model_copy(update={"rate_per_second": rate})
        async with Spine.open(world.settings.model_copy(update={service: group})) as spine:
            loop = asyncio.get_running_loop()
            started = loop.time()
            await asyncio.gather(*(ask(spine, HEALTHY) for _ in range(21)))

            assert loop.time() - started >= 1.0  # 43 look-ups, 21 calls: more than one second's
