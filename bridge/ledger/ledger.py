"""The ledger's front: each method is one transaction, and returns when that is durable.

How the engine uses it, for every delivery::

    match await ledger.begin(opening):
        case Started(lease, intents):
            try:
                ...                            # settle open intents, do the work, or fail
                await ledger.finish(lease, state="completed", code=None, events=events, calls=calls)
            finally:
                await ledger.release(lease)    # nothing to do when it was finished or put to wait
            ...                                # publish
            await ledger.published(opening.request_key, [event.id for event in events])
        case Running(until) | Behind(until): ...    # give the message back until then
        case Ended(state, code, unpublished): ...   # publish what is still owed, acknowledge
        case Conflict(): ...                   # reject it, under `opening.as_conflicting()`
"""

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection

from bridge.ledger.clocks import Clock, Uptime
from bridge.ledger.errors import LedgerUnavailable
from bridge.ledger.leases import WorkerLeases
from bridge.ledger.model import (
    NO_CIRCUMSTANCES,
    BeginResult,
    Circumstances,
    EndState,
    FollowUp,
    Intent,
    IntentVerdict,
    Lease,
    NewBase,
    Opening,
    OwedEvents,
    RecordedCall,
    Reopened,
    Reopening,
    Started,
    StoredEvent,
)
from bridge.ledger.oversight import Oversight
from bridge.ledger.storage import in_doubt, intents, late, patient_order, publications, requests
from bridge.ledger.storage.bodies import SealedEvent, seal_events, seal_message, seal_result
from bridge.ledger.storage.store import LedgerStep, Store
from bridge.ledger.vault.bases import SealedBase, keep_base, seal_base
from bridge.ledger.vault.sealing import SEALED_IN_THE_LOOP, Sealer
from bridge.settings import LedgerSettings

T = TypeVar("T")


class Ledger:
    """One worker's view of the ledger; see `open_ledger`.

    Every method may raise `LedgerUnavailable`: then the message must not be acknowledged.
    """

    def __init__(
        self, store: Store, sealer: Sealer, settings: LedgerSettings, clock: Clock, up: Uptime
    ) -> None:
        self.store = store
        """For steps of other parts of the ledger, such as the vault and the audit trail."""
        self.oversight = Oversight(store, settings, clock)
        """What an operator asks of it, or finds out; no worker's lease is needed for that."""
        self.sealer = sealer
        """Encrypts bodies."""
        self._keep_bases = timedelta(days=settings.keep_change_bases_days)
        self._clock = clock
        self._leases = WorkerLeases(timedelta(seconds=settings.lease_seconds), clock, up)

    @property
    def worker_id(self) -> str:
        """Names this worker, as long as its ledger is open."""
        return self._leases.worker_id

    async def begin(self, opening: Opening, *, first: LedgerStep[None] | None = None) -> BeginResult:
        """Take a request up, or join what is known of it.

        Of any number of workers that begin the same request at once, exactly one gets `Started`.

        Args:
            opening: the request.
            first: runs before; nothing is taken up when it raises.
        """
        holder = self._leases.next_holder()
        begun = await self._open(opening, holder, first)
        if isinstance(begun, Started):
            self._leases.hold(begun.lease, holder)
        return begun

    def lasts(self, lease: Lease) -> float:
        """Seconds for which a lease surely lasts, by two clocks; none when it is over or was lost.

        Nothing is asked of the database: it is what was written there, less what has passed since.
        """
        return self._leases.lasts(lease)

    async def is_superseded(self, request_key: str) -> bool:
        """Whether one of the same turn and operation has completed whose `Opening.asked_at` is later."""
        return await self.store.read(lambda connection: patient_order.is_superseded(connection, request_key))

    async def due_for_check(self, pipeline: str, *, limit: int = 100) -> Sequence[str]:
        """Keys of the requests of a pipeline that are in doubt and due to be checked; see `reopen`."""
        now = self._clock()
        return await self.store.read(
            lambda connection: in_doubt.due_for_check(connection, pipeline, due_before=now, limit=limit)
        )

    async def reopen(
        self, request_key: str, *, check_again_at: datetime, first: LedgerStep[None] | None = None
    ) -> Reopened | None:
        """Take up a request that ended in doubt, to check its intents once more.

        It stays in doubt until it is finished otherwise, and is due again at `check_again_at` should this
        worker die. None when it is not in doubt any more, or another worker has it. `first` as for `begin`.
        """
        holder = self._leases.next_holder()
        reopened = await self._take(
            holder,
            lambda connection: in_doubt.reopen(
                connection, request_key, holder, self.sealer, check_at=check_again_at
            ),
            first,
        )
        if reopened is not None:
            self._leases.hold(reopened.lease, holder)
        return reopened

    async def finish(
        self,
        lease: Lease,
        *,
        state: EndState,
        code: str | None,
        events: Sequence[StoredEvent],
        calls: Sequence[RecordedCall] = (),
        told: Circumstances = NO_CIRCUMSTANCES,
        follow_up: FollowUp | None = None,
        also: LedgerStep[object] | None = None,
    ) -> None:
        """End a request: its outcome, the events still to be published, and the calls that were made.

        Args:
            lease: from `begin`.
            state: how it ended.
            code: why, when it did not complete.
            events: in the order they are to be published. An event whose id is there already is not changed.
            calls: in the order they were made.
            told: what is told of it beside the code.
            follow_up: what is kept for what may come after it.
            also: runs in the same transaction, e.g. the entry in the audit trail.

        Raises:
            LeaseLost: another worker has the request: publish nothing.
            BaseMoved: its base is made from what is not kept any more: the request has not ended.
        """
        sealed = await self._seal(lease.request_key, events)
        kept = await self._sealed_base(follow_up.base if follow_up else None)
        message = follow_up.message if follow_up else None
        asked = message and seal_message(self.sealer, lease.request_key, message)
        now = self._clock()

        def step(connection: Connection) -> None:
            requests.finish(
                connection,
                lease,
                now=now,
                state=state,
                code=code,
                told=told,
                check_at=follow_up.check_at if follow_up else None,
                made=calls,
            )
            requests.add_events(connection, lease.row, lease.token, sealed, now=now)
            if asked:
                in_doubt.keep_message(connection, lease, asked)
            if kept:
                keep_base(connection, kept, now=now, keep=self._keep_bases)
            if also is not None:
                also(connection)

        await self.store.write(step, shared=kept is None)  # two may wait for one patient's
        self._leases.let_go(lease)

    async def wait(
        self,
        lease: Lease,
        *,
        until: datetime,
        reason: str,
        is_counted: bool = True,
        calls: Sequence[RecordedCall] = (),
        told: Circumstances = NO_CIRCUMSTANCES,
        also: LedgerStep[object] | None = None,
    ) -> None:
        """Put a request to wait for its retry, which is one attempt more if `is_counted`.

        Raises:
            LeaseLost: another worker has the request.
        """
        now = self._clock()

        def step(connection: Connection) -> None:
            requests.wait(
                connection,
                lease,
                now=now,
                until=until,
                reason=reason,
                told=told,
                is_counted=is_counted,
                made=calls,
            )
            if also is not None:
                also(connection)

        await self.store.write(step, shared=True)
        self._leases.let_go(lease)

    async def release(self, lease: Lease) -> None:
        """Give a request back unfinished, so that whoever gets the redelivery need not wait for the lease.

        Does nothing when it was finished or put to wait. Never raises: at worst the lease runs out.
        """
        if not self._leases.let_go(lease):
            return
        self._leases.give_up(lease.holder)
        now = self._clock()
        with contextlib.suppress(LedgerUnavailable):
            await self.store.write(lambda connection: requests.renew(connection, [lease], now), single=True)

    async def stored_events(self, request_key: str) -> list[StoredEvent]:
        """The stored outcome of a request: its events, as far as their bodies are still kept."""
        return await self.store.read(
            lambda connection: requests.stored_events(connection, request_key, self.sealer)
        )

    async def published(self, request_key: str, event_ids: Collection[str]) -> None:
        """Note that the broker holds these events: they are not owed any more."""
        now = self._clock()
        await self.store.write(
            lambda connection: publications.published(connection, request_key, event_ids, now),
            single=True,
            shared=True,
            synced=False,  # they would be published again, under the same ids
            alone=self._leases.are_none,
        )

    async def unpublished(self, *, limit: int = 50) -> list[OwedEvents]:
        """Ended requests that still owe events and that nobody is publishing, oldest first.

        One whose key is gone holds no other up: it is told as `OwedEvents.unreadable`, beyond `limit`.
        """
        before = self._late_since()
        return await self.store.read(
            lambda connection: requests.unpublished(
                connection, ended_before=before, limit=limit, sealer=self.sealer
            )
        )

    async def intend(self, lease: Lease, *, kind: str, payload: bytes, settle_key: str) -> Intent:
        """Make durable what is about to be sent. Only then send it.

        Raises:
            IntentOpen: one of this kind is open: settle it first.
            LeaseLost: another worker has the request: send nothing.
        """
        now = self._clock()
        return await self.store.write(
            lambda connection: intents.intend(
                connection,
                lease,
                kind=kind,
                payload=payload,
                settle_key=settle_key,
                now=now,
                sealer=self.sealer,
            )
        )

    async def settle(
        self,
        lease: Lease,
        intent: Intent,
        *,
        verdict: IntentVerdict,
        result: bytes | None = None,
    ) -> None:
        """Write down what became of an intent.

        Args:
            lease: from `begin` or `reopen`.
            intent: an open one of this request.
            verdict: what became of it.
            result: what the other side said.

        Raises:
            LeaseLost: another worker has the request, or it is settled already.
        """
        now = self._clock()
        await self.store.write(
            lambda connection: intents.settle(
                connection,
                lease,
                intent,
                verdict=verdict,
                result=result,
                now=now,
                sealer=self.sealer,
            )
        )

    async def came_late(
        self,
        lease: Lease,
        intent: Intent,
        *,
        result: bytes | None,
        reopening: Reopening,
        also: LedgerStep[object],
    ) -> bool:
        """Write down what became of an intent of a lease that was lost, whatever others made of it meanwhile.

        A request that has ended is in doubt again; one that is worked on is taken from whoever does.

        Args:
            lease: that was lost.
            intent: of that lease.
            result: what the other side said when it was done; None: it was sent late, and nobody knows.
            reopening: how a request that has ended goes on.
            also: runs in the same transaction if it had ended: the entry in the audit trail.

        Returns:
            Whether it had ended, and its events in doubt are owed.
        """
        sealed = await self._seal(lease.request_key, reopening.events)
        message = seal_message(self.sealer, lease.request_key, reopening.message)
        said = seal_result(self.sealer, lease.request_key, intent.kind, result)
        now = self._clock()

        def step(connection: Connection) -> bool:
            has_ended = late.came_late(
                connection, lease, intent, said, now=now, reopening=reopening, owed=sealed, message=message
            )
            if has_ended:
                also(connection)
            return has_ended

        return await self.store.write(step)

    async def renew(self) -> None:
        """Renew every lease this worker holds; `open_ledger` does so in time."""
        held = self._leases.held()
        if not held:
            return
        until = self._leases.next_deadline()
        renewed = await self.store.write(
            lambda connection: requests.renew(connection, held, until.wall), single=True
        )
        self._leases.renewed(held, renewed, until)

    async def _open(
        self, opening: Opening, holder: requests.Holder, first: LedgerStep[None] | None
    ) -> BeginResult:
        if opening.turn_key is not None:
            return await self._take(
                holder,
                lambda connection: patient_order.open_in_order(connection, opening, holder, self.sealer),
                first,
            )
        new = await self._take(
            holder, lambda connection: requests.open_new(connection, opening, holder), first, is_new=True
        )
        if new is not None:
            return new
        return await self._take(
            holder, lambda connection: requests.open_again(connection, opening, holder, self.sealer)
        )

    async def _take(
        self,
        holder: requests.Holder,
        step: LedgerStep[T],
        first: LedgerStep[None] | None = None,
        *,
        is_new: bool = False,
    ) -> T:
        def both(connection: Connection) -> T:
            if first is not None:
                first(connection)
            return step(connection)

        try:
            # A new request that a loss of power takes is handed over again, and was not heard of before.
            return await self.store.write(
                both, single=is_new, shared=is_new, synced=not is_new, alone=self._leases.are_none
            )
        except (LedgerUnavailable, asyncio.CancelledError):
            self._leases.give_up(holder.name)  # it may have got the lease all the same
            raise

    async def _seal(self, key: str, events: Sequence[StoredEvent]) -> list[SealedEvent]:
        if sum(len(event.body) for event in events) > SEALED_IN_THE_LOOP:
            return await asyncio.to_thread(seal_events, self.sealer, key, events)
        return seal_events(self.sealer, key, events)

    async def _sealed_base(self, base: NewBase | None) -> SealedBase | None:
        if base is not None and len(base.body) > SEALED_IN_THE_LOOP:
            return await asyncio.to_thread(seal_base, self.sealer, base)
        return None if base is None else seal_base(self.sealer, base)

    def _late_since(self) -> datetime:
        return self._clock() - self._leases.duration
