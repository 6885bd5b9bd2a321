"""All figures of a worker, as one answer to Prometheus.

What the broker or the ledger would have to say is left out while it cannot say it: a curve that ends is not
one that falls to nothing. `bus_up` and `ledger_up` tell which.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import Final

from bridge.figures.look import Look
from bridge.figures.recorder import Counts
from bridge.figures.sources import BusSeen, LedgerSeen, Sources, look_at_bus, look_at_ledger
from bridge.figures.text import Family, Labels, gauge, written
from bridge.ledger import OpenRequests
from bridge.observe import record
from bridge.observe.vocabulary.base import TelemetryEvent
from bridge.observe.vocabulary.process import FiguresNotRead
from bridge.spine.bulkhead import BulkheadFacts, Circuit
from bridge.tasks import end

_DISTRIBUTION: Final = "gpconnect-bridge"
_NONE_OPEN: Final = OpenRequests(0, 0, None)
_Values = Mapping[Labels, float]


class Figures:
    """Hears what happens (`bridge.observe.Recorder`), and answers with figures.

    Args:
        by_practice: whether figures about practices name them.
    """

    def __init__(self, *, by_practice: bool = False) -> None:
        self._by_practice = by_practice
        self._counts = Counts()
        self._sources: Sources | None = None
        self._bus: Look[BusSeen] | None = None
        self._ledger: Look[LedgerSeen] | None = None

    def record(self, event: TelemetryEvent) -> None:
        """Count what happened."""
        self._counts.record(event)

    def watch(self, sources: Sources) -> None:
        """Tell of these from now on; before, the broker is not reached yet."""
        self._sources = sources
        self._counts.begin(sources.queues)
        self._bus = Look(
            partial(look_at_bus, sources.bus, sources.queues), on_failure=partial(_not_read, "bus")
        )
        self._ledger = Look(partial(look_at_ledger, sources), on_failure=partial(_not_read, "ledger"))

    async def end(self) -> None:
        """Tell of them no more."""
        looks = (self._bus, self._ledger)
        self._sources = self._bus = self._ledger = None
        await end(*(task for look in looks if look is not None for task in look.running()))

    async def text(self) -> bytes:
        """Every figure in Prometheus's text format. Takes a few seconds at most, whatever is away."""
        told = [*self._counts.told(), gauge("build_info", {(version(_DISTRIBUTION),): 1})]
        sources = self._sources
        if sources is None or self._bus is None or self._ledger is None:
            told.append(gauge("bus_up", {(): 0}))
        else:
            bus, ledger = await asyncio.gather(self._bus(), self._ledger())
            told += _of_bus(sources, bus)
            told += _of_ledger(sources, ledger)
            told += self._of_worker(sources)
        return written(told)

    def _of_worker(self, sources: Sources) -> Iterator[Family]:
        yield self._circuits(sources.bulkheads())
        expiries: _Values = {(fact.setting,): fact.expires_at.timestamp() for fact in sources.certificates()}
        yield gauge("certificate_expiry_timestamp_seconds", expiries)
        if (skew := sources.clock_skew()) is not None:
            yield gauge("clock_skew_seconds", {(): skew})
        yield gauge("consumers_expected", {(): len(sources.queues)})
        stopped = [sources.retries_stopped(pipeline) for pipeline in sources.queues]
        yield gauge("retries_stopped", {(): any(stopped)})

    def _circuits(self, bulkheads: Iterable[BulkheadFacts]) -> Family:
        """How many circuits are open: of a national service one at most, of practices any number."""
        values: dict[Labels, float] = {} if self._by_practice else {("practice",): 0.0}
        for facts in bulkheads:
            labels = (facts.upstream, facts.where or "") if self._by_practice else (facts.upstream,)
            values[labels] = values.get(labels, 0.0) + (facts.circuit is not Circuit.CLOSED)
        return gauge("circuit_open", values)


def _of_bus(sources: Sources, seen: BusSeen | None) -> Iterator[Family]:
    yield gauge("bus_up", {(): seen is not None})
    if seen is None:
        return
    yield gauge("consumers_present", {(): sum(seen.attended.values())})
    depths = [(pipeline, seen.depths[pipeline]) for pipeline in sources.queues if pipeline in seen.depths]
    yield gauge("waiting", {(pipeline,): depth.ready + depth.waiting for pipeline, depth in depths})
    yield gauge("dead", {(pipeline,): depth.dead for pipeline, depth in depths})


def _of_ledger(sources: Sources, seen: LedgerSeen | None) -> Iterator[Family]:
    yield gauge("ledger_up", {(): seen is not None and seen.is_up})
    if seen is None or not seen.is_up:
        return
    yield gauge("audit_ok", {(): seen.is_trail_sound})
    if (found := seen.unfinished) is None:
        return
    now = datetime.now(UTC)
    # Those of other workers too: the ledger is theirs as well.
    found_open = dict.fromkeys(sources.queues, _NONE_OPEN) | dict(found.requests)
    yield gauge("in_flight", {(name,): each.in_flight for name, each in found_open.items()})
    ages: _Values = {(name,): _age(each.oldest, now) for name, each in found_open.items()}
    yield gauge("oldest_waiting_seconds", ages)
    yield gauge("requests_in_doubt", {(): found.in_doubt})
    yield gauge("oldest_doubt_seconds", {(): _age(found.oldest_in_doubt, now)})
    yield gauge("events_owed", {(): found.events_owed})
    yield gauge("oldest_event_owed_seconds", {(): _age(found.oldest_owed, now)})


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())


def _not_read(source: str, error: Exception) -> None:
    record(FiguresNotRead("bus" if source == "bus" else "ledger", type(error).__name__))
