"""What the size of the ledger costs: looks at one of 1,000,000 requests against the same at one of 10,000.

What goes through every row is to take as long per row, and to hold up no worker that ends a request meanwhile.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, get_args
from urllib.parse import urlencode
from uuid import uuid4

import httpx

from bridge.bus import open_bus
from bridge.bus.port import Delivery, Done
from bridge.console.pages import PAGES
from bridge.console.rights import Role
from bridge.console.serving import console
from bridge.console.sign_in.users import put_user
from bridge.ledger import Opening, Started, StoredEvent
from bridge.ledger.keys import open_keys
from bridge.observe import configure_logging
from bridge.operations import audit
from bridge.operations.failures import failures, group
from bridge.operations.overview import pipelines, practices
from bridge.operations.practices import circuits, directory, national_services, practice
from bridge.operations.quality import quality
from bridge.operations.requests import (
    THRESHOLDS,
    Cursor,
    ListedOutcome,
    RequestFilter,
    find,
    history,
    list_requests,
)
from bridge.operations.site import Actor, Stores, open_stores, operator
from bridge.pipelines.installed import installed_pipelines
from bridge.sandbox import SandboxOptions, running
from bridge.settings import Settings
from tests.bench import parts
from tests.bench.many_requests import EVERY, remember
from tests.bench.result import Result
from tests.support.ports import free_port
from tests.support.postgres import PostgresNode, fresh_database

_FEW: Final = 10_000
_MANY: Final = 1_000_000
_REPEATS: Final = 7
_AT_LEAST: Final = 0.3
"""Seconds for which a look is repeated on both: the quickest counts."""
_GOAL: Final = 3.0
_LINEAR: Final = 1.5
_HELD_UP: Final = 0.2
_BETWEEN_ENDS: Final = 0.02
"""Seconds between the requests that end meanwhile."""
_FORGOTTEN: Final = 10
"""One request of so many, the oldest, is old enough to be erased."""
_PASSWORD: Final = "correct horse battery"


@dataclass(frozen=True, slots=True)
class _Site:
    """A ledger of `count` requests, the last of which came at `now`, opened, with its console."""

    count: int
    now: datetime
    stores: Stores
    actor: Actor
    client: httpx.AsyncClient
    group: str

    def back(self, hours: int) -> datetime:
        return self.now - timedelta(hours=hours)


_Look = Callable[[_Site], Awaitable[object]]


def run() -> list[Result]:
    configure_logging("error")
    node = PostgresNode()
    node.start()
    try:
        with parts.folder() as folder, fresh_database(node.url) as few, fresh_database(node.url) as many:
            return asyncio.run(_compare(folder, few, many))
    finally:
        node.close()


async def _compare(folder: Path, few_url: str, many_url: str) -> list[Result]:
    put_user(folder / "users", "olga", (Role.OPERATOR, Role.CLINICAL, Role.AUDITOR), _PASSWORD)
    async with running(SandboxOptions(state_dir=folder)) as sandbox, AsyncExitStack() as opened:
        # Of a queue that nobody takes from, a broker is asked for a second before a page says so.
        bus = await opened.enter_async_context(open_bus(Settings.load(environ=sandbox.environment)))
        for pipeline in installed_pipelines():
            queue = pipeline.queue(sandbox.environment.get("BRIDGE_BUS_PREFIX", "gpconnect"))
            await bus.declare(queue)
            await bus.consume(queue, _nothing, concurrency=1)
        few, many = [
            await opened.enter_async_context(_site(folder, sandbox.environment, url, count))
            for url, count in ((few_url, _FEW), (many_url, _MANY))
        ]
        looks = [await _looked(name, group, few, many) for name, group in _looks().items()]
        return looks + [each for name in _WALKS for each in await _walked(name, few, many)]


async def _nothing(_delivery: Delivery) -> Done:
    return Done()


@asynccontextmanager
async def _site(folder: Path, environment: Mapping[str, str], url: str, count: int) -> AsyncIterator[_Site]:
    own = {
        "BRIDGE_STATE_DIR": str(folder),
        "BRIDGE_LEDGER_URL": url,
        "BRIDGE_CONSOLE_PORT": str(free_port()),
        "BRIDGE_CONSOLE_USERS_FILE": str(folder / "users"),
    }
    settings = Settings.load(environ={**environment, **own})
    async with open_stores(settings):
        pass  # an empty ledger, whose trail has begun
    now = await remember(url, open_keys(settings).audit.ring, count)
    async with (
        open_stores(settings) as stores,
        console(settings) as address,
        httpx.AsyncClient(base_url=address, trust_env=False, timeout=60) as client,
    ):
        form = (await client.get("/sign-in")).text
        token = form.partition('name="token" value="')[2].partition('"')[0]
        signed_in = await client.post(
            "/sign-in", data={"token": token, "name": "olga", "password": _PASSWORD}
        )
        assert signed_in.status_code == 303
        first, *_ = await failures(stores, since=now - timedelta(hours=12))
        yield _Site(count, now, stores, operator(settings, "olga"), client, first.id)


def _looks() -> Mapping[str, Mapping[str, _Look]]:
    """What is to cost the same, by the line of the table that its worst stands for."""
    listed: dict[str, Callable[[_Site], RequestFilter]] = {
        "all": lambda _: RequestFilter(),
        **{outcome: _standing(outcome) for outcome in get_args(ListedOutcome)},
        "code": lambda _: RequestFilter(code="provider_timeout"),
        "no such code": lambda _: RequestFilter(code="none_such"),
        "pipeline": lambda _: RequestFilter(pipeline="care_record"),
        "operation": lambda _: RequestFilter(operation="care_record.requested.v1"),
        "operation without failed": lambda _: RequestFilter(
            operation="documents.requested.v1", outcome="failed"
        ),
        "operation and code": lambda _: RequestFilter(
            operation="care_record.requested.v1", code="patient_not_found"
        ),
        "two tries": lambda _: RequestFilter(attempts=2),
        "no such tries": lambda _: RequestFilter(attempts=9),
        **{f"took {seconds} s": _slow(seconds) for seconds in THRESHOLDS},
        "took 30 s and failed": _slow(30, outcome="failed"),
        "took 30 s and completed": _slow(30, outcome="completed"),
        "took 30 s and code": _slow(30, code="provider_timeout"),
        "took 30 s, a pipeline": _slow(30, pipeline="care_record"),
        "took 30 s, a pipeline without any": _slow(30, pipeline="documents"),
        "took 30 s, an operation": _slow(30, operation="care_record.requested.v1"),
        "took 5 s, a practice": _slow(5, practice_ods="A10013"),
        "took 300 s, a practice": _slow(300, practice_ods="A10013"),
        "took 5 s, a practice without any": _slow(5, practice_ods="A10008"),
        "took 5 s, two tries": _slow(5, attempts=2),
        "took 5 s, 12 hours": lambda site: RequestFilter(took_s=5, since=site.back(12), until=site.back(2)),
        "practice": lambda _: RequestFilter(practice_ods="A10007"),
        "correlation": lambda site: RequestFilter(correlation_id=f"c-{site.count // 2}"),
        "patient": lambda _: RequestFilter(patient_key="c4ca4238a0b923820dcc509a6f75849b"),
        "12 hours": lambda site: RequestFilter(since=site.back(12), until=site.back(2)),
        "practice and failed": lambda _: RequestFilter(practice_ods="A10010", outcome="failed"),
        "practice and code": lambda _: RequestFilter(practice_ods="A10010", code="access_denied"),
        "pipeline and code": lambda _: RequestFilter(pipeline="care_record", code="patient_not_found"),
        "pipeline and failed": lambda _: RequestFilter(pipeline="care_record", outcome="failed"),
        "pipeline without failed": lambda _: RequestFilter(pipeline="documents", outcome="failed"),
        "pipeline and completed": lambda _: RequestFilter(pipeline="care_record", outcome="completed"),
    }
    pages = [page.path for page in PAGES if page.method == "GET" and page.title]
    return {
        "a page of requests": {
            **{name: _list(wanted) for name, wanted in listed.items()},
            "a deep page": lambda site: _listed(site, RequestFilter(), _deep(site)),
            "a deep page of failed": lambda site: _listed(site, RequestFilter(outcome="failed"), _deep(site)),
            "of a group": _of_group,
        },
        "one request": {
            "by its id": lambda site: history(site.stores, f"r-{site.count // 2}"),
            "by an event": lambda site: find(site.stores, f"e-{site.count // 2}"),
            "unknown": lambda site: find(site.stores, "r-none"),
        },
        "failures by cause, 12 hours": {
            "all": lambda site: failures(site.stores, since=site.back(12)),
            "a pipeline": lambda site: failures(site.stores, since=site.back(12), pipeline="care_record"),
        },
        "data quality and practices": {
            "24 hours": lambda site: quality(site.stores, since=site.back(24)),
            "24 hours, by practice": lambda site: quality(site.stores, since=site.back(24), by_practice=True),
            "a practice": lambda site: practice(site.stores, "A10007", since=site.back(720)),
            "circuits": lambda site: circuits(site.stores),
            "national services": lambda site: national_services(site.stores),
            "the directory": lambda site: directory(site.stores),
        },
        "overview and practices, 24 hours": {
            "overview": lambda site: pipelines(site.stores, since=site.back(24)),
            "practices": lambda site: practices(site.stores, since=site.back(24)),
        },
        "/readyz and /metrics": {
            "/readyz": lambda site: site.stores.trail.look(),
            "/metrics": lambda site: site.stores.ledger.oversight.count_unfinished(),
        },
        "the start of a worker": {"its ledger": _start},
        "a page of the console": {
            **{path: _get(path) for path in pages},
            "/requests of failed": _get("/requests", outcome="failed"),
            "/requests of a group": lambda site: _page(site, "/requests", group=site.group, hours="12"),
            "/practice": _get("/practice", ods="A10007"),
            "/quality of 30 days": _get("/quality", hours="720"),
            "/quality of 30 days as CSV": lambda site: _page(site, "/quality", hours="720", **{"as": "csv"}),
            "/request": lambda site: _page(site, "/request", key=f"/ward r-{site.count // 2}"),
        },
    }


def _standing(outcome: ListedOutcome) -> Callable[[_Site], RequestFilter]:
    return lambda _: RequestFilter(outcome=outcome)


def _slow(seconds: int, **more: Any) -> Callable[[_Site], RequestFilter]:
    return lambda _: RequestFilter(took_s=seconds, **more)


def _list(wanted: Callable[[_Site], RequestFilter]) -> _Look:
    return lambda site: _listed(site, wanted(site), None)


async def _listed(site: _Site, wanted: RequestFilter, after: Cursor | None) -> None:
    await list_requests(site.stores, wanted, actor=site.actor, after=after)


def _deep(site: _Site) -> Cursor:
    """Nine tenths of the way down."""
    row = site.count // 10
    return Cursor(site.now - (site.count - row) * EVERY, row)


async def _of_group(site: _Site) -> None:
    found = await group(site.stores, site.group, since=site.back(12))
    await _listed(site, RequestFilter(cause=found.cause, ended_since=site.back(12)), None)


async def _start(site: _Site) -> None:
    async with open_stores(site.stores.settings):
        pass


def _get(path: str, **filters: str) -> _Look:
    return lambda site: _page(site, path, **filters)


async def _page(site: _Site, path: str, **filters: str) -> None:
    answer = await site.client.get(f"{path}?{urlencode(filters)}")
    assert answer.status_code == 200, answer.text


async def _looked(name: str, looks: Mapping[str, _Look], few: _Site, many: _Site) -> Result:
    """The worst of a group."""
    worst = 0.0
    note = ""
    for what, look in looks.items():
        best = dict.fromkeys((few.count, many.count), float("inf"))
        begun, repeats = time.perf_counter(), 0
        while repeats < _REPEATS or time.perf_counter() - begun < _AT_LEAST:
            repeats += 1
            for site in (few, many):
                best[site.count] = min(best[site.count], await _seconds(look(site)))
        ratio = best[many.count] / best[few.count]
        if ratio > worst:
            worst = ratio
            note = f"worst of {len(looks)}: {what}, {best[few.count] * 1000:.1f} and {best[many.count] * 1000:.1f} ms"
    return Result(f"{name}, 1M / 10k requests", round(worst, 2), f"<= {_GOAL:.0f}", worst <= _GOAL, note)


async def _seconds(work: Awaitable[object]) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


async def _verify(site: _Site) -> None:
    await audit.verify(site.stores.trail)


async def _balance(site: _Site) -> None:
    balance = await site.stores.ledger.oversight.draw_balance()
    assert balance.received >= site.count


async def _prune(site: _Site) -> None:
    """The oldest tenth, as the day after the last of it may be erased."""
    kept = timedelta(days=site.stores.settings.ledger.keep_metadata_days)
    until = site.now - EVERY * (site.count - site.count // _FORGOTTEN)
    await site.stores.ledger.oversight.prune(until + kept)


_WALKS: Final[Mapping[str, _Look]] = {
    "audit verify": _verify,
    "ledger balance": _balance,
    "retention": _prune,
}


async def _walked(name: str, few: _Site, many: _Site) -> list[Result]:
    small, _ = await _in_company(_WALKS[name], few)
    large, held_up = await _in_company(_WALKS[name], many)
    ratio = (large / many.count) / (small / few.count)
    share = held_up / large
    return [
        Result(
            f"{name}, time per request, 1M / 10k",
            round(ratio, 2),
            f"<= {_LINEAR}",
            ratio <= _LINEAR,
            f"{small:.2f} s and {large:.1f} s",
        ),
        Result(
            f"{name}, longest end of a request meanwhile / its own time",
            round(share, 3),
            f"<= {_HELD_UP}",
            share <= _HELD_UP,
            f"{held_up * 1000:.0f} ms of {large:.1f} s",
        ),
    ]


async def _in_company(walk: _Look, site: _Site) -> tuple[float, float]:
    """Seconds of a walk while requests end, and the longest that one of these took."""
    going = asyncio.create_task(_seconds(walk(site)))
    longest = 0.0
    while not going.done():
        longest = max(longest, await _end_one(site))
        await asyncio.sleep(_BETWEEN_ENDS)
    return await going, longest


async def _end_one(site: _Site) -> float:
    """Take a request up and end it, as a worker does; seconds of its end."""
    ledger, identity = site.stores.ledger, uuid4().hex[:8]
    key = f"/bench {identity}"
    claim = await ledger.begin(
        Opening(key, "structured_record", identity, "ab" * 32, site.now, own_id=identity)
    )
    assert isinstance(claim, Started)
    event = StoredEvent(identity, "request.completed.v1", b"{}")
    started = time.perf_counter()
    await ledger.finish(claim.lease, state="completed", code=None, events=[event])
    return time.perf_counter() - started
