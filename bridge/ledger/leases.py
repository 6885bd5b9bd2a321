"""The leases of one worker: which it holds, and until when the database surely has them as its own."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from bridge.ledger.clocks import Clock, Deadline, Uptime
from bridge.ledger.model import Lease
from bridge.ledger.storage.requests import Holder
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class _HeldLease:
    lease: Lease
    until: Deadline


class WorkerLeases:
    """What one worker knows of its leases. Nothing is asked of the database.

    Args:
        duration: how long a lease lasts unless it is renewed.
        clock: tells the time.
        up: tells how much of it has passed.
    """

    def __init__(self, duration: timedelta, clock: Clock, up: Uptime) -> None:
        self.worker_id = uuid4().hex
        self.duration = duration
        self._clock = clock
        self._up = up
        self._held: dict[str, _HeldLease] = {}
        self._taken = 0
        # Leases, and when they were let go of, perhaps without the database's knowing: nobody works on these.
        self._given_up: dict[str, datetime] = {}

    def next_holder(self) -> Holder:
        """Who asks for the next lease: a name that no other lease ever has."""
        self._taken += 1
        name = f"{self.worker_id}/{self._taken}"
        return Holder(name, self._clock(), self._up(), self.duration, self._given_up.__contains__)

    def hold(self, lease: Lease, holder: Holder) -> None:
        """Note a lease that the database has given."""
        self._held[holder.name] = _HeldLease(lease, holder.deadline)

    def held(self) -> Sequence[Lease]:
        """Every lease that is held now."""
        return [each.lease for each in self._held.values()]

    @property
    def are_none(self) -> bool:
        """Whether this worker works on nothing."""
        return not self._held

    def lasts(self, lease: Lease) -> float:
        """Seconds for which a lease surely lasts, by two clocks; none when it is over or was lost."""
        held = self._held.get(lease.holder)
        return held.until.remains(now=self._clock(), uptime=self._up()) if held else 0.0

    def next_deadline(self) -> Deadline:
        """Until when a lease lasts that is renewed now."""
        now, up = self._clock(), self._up()
        return Deadline.at(now + self.duration, now=now, uptime=up)

    def renewed(self, leases: Sequence[Lease], holders: Collection[str], until: Deadline) -> None:
        """Note which of these leases were renewed, and that the others are lost."""
        lost = Deadline(until.wall - self.duration, until.uptime - self.duration / timedelta(seconds=1))
        for lease in leases:
            if lease.holder in self._held:  # else it has ended meanwhile
                ends = until if lease.holder in holders else lost
                self._held[lease.holder] = _HeldLease(lease, ends)

    def let_go(self, lease: Lease) -> bool:
        """Hold a lease no more; whether it was held."""
        return self._held.pop(lease.holder, None) is not None

    def give_up(self, holder: str) -> None:
        """Note that nobody works under this lease, whatever the database says."""
        now = self._clock()
        forgettable = [name for name, since in self._given_up.items() if since < now - 2 * self.duration]
        for name in forgettable:  # those leases have run out
            del self._given_up[name]
        self._given_up[holder] = now
