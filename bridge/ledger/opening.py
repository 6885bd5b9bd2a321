"""Opening the ledger: which database, its schema, what was left unfinished, and leases kept alive."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Final

from bridge.ledger.access import DatabaseAccess
from bridge.ledger.clocks import Clock, Uptime, uptime, utc_now
from bridge.ledger.errors import LedgerUnavailable
from bridge.ledger.ledger import Ledger
from bridge.ledger.storage import partitions, schema
from bridge.ledger.storage.store import Store
from bridge.ledger.vault.sealing import Sealer
from bridge.observe import record
from bridge.observe.vocabulary.ledger import (
    LeasesNotRenewed,
    LedgerAway,
    LedgerNotPartitioned,
    LedgerOpened,
    PartitionsUnchanged,
)
from bridge.settings import Settings
from bridge.tasks import end

_RENEWALS_PER_LEASE: Final = 3
_PARTITIONS_EVERY: Final = 3600.0


@contextlib.asynccontextmanager
async def open_store(settings: Settings, *, read_only: bool = False) -> AsyncIterator[Store]:
    """The database of these settings, migrated to the schema of this version unless it is only read.

    Raises:
        Misconfigured: the database refuses us, or was made by a newer version.
        NoLedger: it is only to be read, and there is none.
        LedgerUnavailable: it cannot be reached now.
    """
    store = _store(settings, read_only=read_only)
    try:
        await store.check()
        if read_only:
            await store.read(schema.look)
        else:
            await store.upgrade()
        yield store
    finally:
        await store.close()


def _store(settings: Settings, *, read_only: bool) -> Store:
    # A driver takes a tenth of a second to load: the one that is used.
    if settings.ledger.url is None:
        from bridge.ledger.storage.sqlite import SqliteStore  # noqa: PLC0415 - see above

        return SqliteStore(settings.state_dir / "ledger.db", read_only=read_only)
    from bridge.ledger.storage.postgres import PostgresStore  # noqa: PLC0415 - see above

    url, connections = settings.ledger.url, settings.ledger.connections
    return PostgresStore(url, DatabaseAccess.of(settings, url), connections=connections, read_only=read_only)


@contextlib.asynccontextmanager
async def open_ledger(
    settings: Settings, sealer: Sealer, *, clock: Clock = utc_now, up: Uptime = uptime
) -> AsyncIterator[Ledger]:
    """The ledger of these settings, for as long as the block runs.

    Args:
        settings: ``BRIDGE_LEDGER_…``, and ``state_dir`` for the file when no URL is set.
        sealer: encrypts bodies.
        clock: tells the time.
        up: tells how much of it has passed.

    Raises:
        Misconfigured, LedgerUnavailable: see `open_store`.
    """
    async with open_store(settings) as store:
        ledger = Ledger(store, sealer, settings.ledger, clock, up)
        left = await ledger.oversight.survey()
        record(
            LedgerOpened(
                worker=ledger.worker_id,
                left_running=left.running,
                request_keys=tuple(left.request_keys),
                open_intents=left.open_intents,
                unpublished=left.unpublished,
            )
        )
        renewing = asyncio.create_task(
            _keep_renewing(ledger, settings.ledger.lease_seconds / _RENEWALS_PER_LEASE)
        )
        parting = asyncio.create_task(_keep_partitions_ahead(store, settings))
        try:
            yield ledger
        finally:
            for chore in (renewing, parting):
                await end(chore)
                if not chore.cancelled():
                    chore.result()  # it ended by itself: its error is told


async def make_partitions(store: Store, settings: Settings) -> None:
    """Make the partitions of tables of bodies that are lacking for what is written from now on.

    Raises:
        LedgerUnavailable: the database cannot be read now.
    """
    now = datetime.now(UTC)
    needed = {
        "event_bodies": now,
        "answer_bodies": now + timedelta(days=settings.vault.keep_answers_days),
        "claim_parts": now + timedelta(days=settings.claims.keep_days),
    }
    await partitions.make_ahead(store, needed, settings.ledger.partitions, now=now)


async def _keep_partitions_ahead(store: Store, settings: Settings) -> None:
    with contextlib.suppress(LedgerUnavailable):
        if left := await store.read(partitions.whole):
            record(LedgerNotPartitioned(tuple(left)))
    while True:
        try:
            await make_partitions(store, settings)
        except LedgerUnavailable as fault:
            record(LedgerAway(fault.reason, task="partitions"))
        except Exception as error:  # noqa: BLE001 - the default partition takes what comes; it is tried again
            record(PartitionsUnchanged(type(error).__name__, "make"))
        await asyncio.sleep(_PARTITIONS_EVERY)


async def _keep_renewing(ledger: Ledger, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        try:
            await ledger.renew()
        except LedgerUnavailable as fault:
            record(LeasesNotRenewed(fault.reason))
