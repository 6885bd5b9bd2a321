"""Jobs that ask failed requests again; the states of a job: `bridge.ledger.storage.jobs`.

A request is asked again under a key of its own, made of its key and the job's id. It is sent, and then
marked; a job that was killed in between sends the very same message again, which the ledger joins,
or finds that its request is known already, and only marks it. All that a request was asked again as is its
family, known by the key of the first: of a family one at a time is under way.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Literal

from sqlalchemy import Column, Connection, Float, Index, Select, Text, func, or_, select, update

from bridge.ledger.clocks import utc_now
from bridge.ledger.keys import VaultError
from bridge.ledger.model import FailureCause
from bridge.ledger.storage.bodies import open_message
from bridge.ledger.storage.durations import took
from bridge.ledger.storage.jobs import OPEN, JobStore, JobTables, table_of_items, table_of_jobs
from bridge.ledger.storage.listing import of_cause
from bridge.ledger.storage.metadata import Instant
from bridge.ledger.storage.store import LedgerStep, Store
from bridge.ledger.storage.tables import IS_UNSUCCESSFUL, messages, requests
from bridge.ledger.vault.sealing import Sealer
from bridge.values import dataclass

LeftOut = Literal[
    "answered",
    "changes_something",
    "expired",
    "in_another_job",
    "key_unknown",
    "lost",
    "message_not_kept",
    "not_failed",
    "not_taken",
    "superseded",
    "under_way",
]
"""Why a request is not asked again.

``answered``: it was asked again, and completed. ``changes_something``: it is no read. ``expired``: and those
were not asked for. ``in_another_job``: one that is confirmed. ``key_unknown``: what was asked is
sealed with a vault key that is gone. ``lost``: it was asked again, and an operator found its message on no
queue any more, which is no reason not to ask once more. ``not_taken``: no installed pipeline takes it.
``superseded``: it is in the plan already, as what it was asked again as. ``under_way``: it was asked again,
and that has not ended.
"""

SHORTEST_LIFE: Final = timedelta(minutes=5)
"""What a request is given at least that is asked again after its expiry: it waits in the queue, too."""
_AT_ONCE: Final = 500

jobs = table_of_jobs("replay_jobs", "replay")
replays = table_of_items(
    "replay_job_requests",
    of=jobs,
    key="request_key",
    columns=(
        Column("pipeline", Text, nullable=False),
        Column("cause", Text, nullable=False),
        Column("correlation_id", Text, nullable=False),
        Column("replay_key", Text, nullable=False, index=True),
        Column("life_s", Float),  # None: it is not asked again after its expiry
        Column("expires_at", Instant),  # the new one, written down before it is sent
        Column("left_out", Text),  # why it was not asked again after all
    ),
)
Index("ix_replay_job_requests_request_key", replays.c.request_key)
_TABLES: Final = JobTables(jobs, replays, "request_key", "no failed request that can be asked again is left")


@dataclass(frozen=True, slots=True)
class JobRequest:
    """One request of a job; `cause` is its code, `marked_at` when it was dealt with."""

    request_key: str
    pipeline: str
    cause: str
    correlation_id: str
    replay_key: str
    life_s: float | None = None
    expires_at: datetime | None = None
    left_out: LeftOut | None = None
    marked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WantedRequests:
    """Which requests are looked for; None does not narrow it down.

    Attributes:
        pipelines: theirs is one of these.
        code: why they failed.
        practice_ods: the practice that was, or was to be, asked.
        since: received then or later.
        until: received before.
        ended_since: ended then or later.
        took_s: took so many seconds or longer, as `RequestFilter` has it.
        cause: of this cause, also those that did not fail but were rejected, are dead or in doubt.
        request_keys: these alone, however they ended; the others do not count then.
    """

    pipelines: Collection[str] | None = None
    code: str | None = None
    practice_ods: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    ended_since: datetime | None = None
    took_s: int | None = None
    cause: FailureCause | None = None
    request_keys: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class FoundRequest:
    """A request that may be asked again.

    `first_key` is the key of what its sender sent, where it is a replay itself; `has_message`: whether what
    was asked is kept.
    """

    request_key: str
    first_key: str
    pipeline: str
    operation: str | None
    practice_ods: str | None
    state: str
    code: str | None
    stage: str | None
    upstream: str | None
    detail: str | None
    correlation_id: str
    received_at: datetime
    expires_at: datetime | None
    ended_at: datetime | None
    has_message: bool

    @property
    def cause(self) -> FailureCause:
        """Why it failed."""
        return FailureCause(self.pipeline, self.stage, self.code, self.upstream, self.detail)


@dataclass(frozen=True, slots=True)
class Ready:
    """What is to be sent: the message that was asked with, and its new expiry, if it gets one."""

    message: bytes
    expires_at: datetime | None


class ReplayJobs(JobStore[JobRequest]):
    """The jobs over failed requests in one ledger; see `JobStore` for the other arguments.

    Args:
        sealer: opens what was asked.
    """

    def __init__(
        self, store: Store, sealer: Sealer, *, lease: timedelta, clock: Callable[[], datetime] = utc_now
    ) -> None:
        super().__init__(store, _TABLES, JobRequest, lease=lease, clock=clock)
        self._sealer = sealer

    async def find(self, wanted: WantedRequests) -> Sequence[FoundRequest]:
        """The requests that are looked for, oldest first; bodies stay sealed."""
        if wanted.request_keys is None:
            return await self._store.read(partial(_find_failed, wanted))
        found: list[FoundRequest] = []
        for keys in _portions(wanted.request_keys):
            found += await self._store.read(partial(_find, _FOUND.where(requests.c.request_key.in_(keys))))
        return found

    async def standing(self, first_keys: Collection[str]) -> Mapping[str, LeftOut]:
        """Of the families of these requests, which are not to be asked again now, and why."""
        found: dict[str, LeftOut] = {}
        for keys in _portions(first_keys):
            found |= await self._store.read(partial(_standing, keys, None))
        return found

    async def take(self, job_id: str, one: JobRequest) -> Ready | LeftOut | None:
        """What is to be sent now for one request of a job; None when its replay is known already.

        A new expiry is durable when this returns: whoever goes on after a crash sends the very same.
        """
        now = self._clock()

        def step(connection: Connection) -> tuple[str, bytes, datetime | None] | LeftOut | None:
            known = select(requests.c.id).where(requests.c.request_key == one.replay_key)
            if connection.execute(known).first() is not None:
                return None
            standing = _standing([one.request_key], job_id, connection)
            if standing:
                return standing[one.request_key]
            last = connection.execute(_last_message(one.request_key)).first()
            if last is None:
                return "message_not_kept"
            expires_at = _expiry(connection, job_id, one.request_key)
            if expires_at is None and last.expires_at is not None and last.expires_at <= now:
                if one.life_s is None:
                    return "expired"
                expires_at = now + max(SHORTEST_LIFE, timedelta(seconds=one.life_s))
                new = update(replays).where(
                    replays.c.job_id == job_id, replays.c.request_key == one.request_key
                )
                connection.execute(new.values(expires_at=expires_at))
            return last.request_key, last.sealed, expires_at

        found = await self._store.write(step)
        if not isinstance(found, tuple):
            return found
        key, sealed, expires_at = found
        try:
            return Ready(open_message(self._sealer, key, sealed), expires_at)
        except VaultError:
            return "key_unknown"

    async def ends(self, job_id: str) -> Counter[str]:
        """How many of a job ended how: the state of what they were asked again as, or why they were left out.

        ``not_arrived``: sent, and no worker has taken it up yet. ``to_do``: not dealt with.
        """
        query = (
            select(replays.c.marked_at.is_not(None), replays.c.left_out, requests.c.state, func.count())
            .select_from(replays.outerjoin(requests, requests.c.request_key == replays.c.replay_key))
            .where(replays.c.job_id == job_id)
            .group_by(replays.c.marked_at.is_not(None), replays.c.left_out, requests.c.state)
        )
        ended: Counter[str] = Counter()
        for is_marked, left_out, state, count in await self._store.read(
            lambda connection: connection.execute(query).all()
        ):
            ended[_end(left_out, state, is_marked=is_marked)] += count
        return ended

    async def give_up_lost(self, job_id: str, *, also: Callable[[int], LedgerStep[object]]) -> int:
        """Note of what a job has sent and nobody has in hand, nor has ended, that its message is lost.

        Whoever calls this has found no message on the queues.

        Args:
            job_id: of the job.
            also: given how many, what runs in the same transaction; not called for none.

        Returns:
            How many.
        """
        before = self._clock() - self._lease
        has_ended = requests.c.ended_at.is_not(None)
        is_minded = func.coalesce(requests.c.wait_until, requests.c.lease_until) >= before
        minded = select(requests.c.request_key).where(
            requests.c.request_key == replays.c.replay_key, or_(has_ended, is_minded)
        )
        given_up = (
            update(replays)
            .where(
                replays.c.job_id == job_id,
                replays.c.marked_at < before,
                replays.c.left_out.is_(None),
                ~minded.exists(),
            )
            .values(left_out="lost")
        )

        def step(connection: Connection) -> int:
            count = connection.execute(given_up).rowcount
            if count:
                also(count)(connection)
            return count

        return await self._store.write(step)


def _end(left_out: str | None, state: str | None, *, is_marked: bool) -> str:
    if left_out == "lost" and state in ("completed", "failed", "rejected"):
        return state  # it turned up after all
    return left_out or state or ("not_arrived" if is_marked else "to_do")


_FOUND: Final[Select[Any]] = (
    select(
        requests.c.request_key,
        func.coalesce(replays.c.request_key, requests.c.request_key).label("first_key"),
        *(requests.c[name] for name in ("pipeline", "operation", "practice_ods", "state", "code")),
        *(requests.c[name] for name in ("stage", "upstream", "detail", "correlation_id")),
        *(requests.c[name] for name in ("received_at", "expires_at", "ended_at")),
        messages.c.request_id.is_not(None).label("has_message"),
    )
    .select_from(
        requests.outerjoin(replays, replays.c.replay_key == requests.c.request_key).outerjoin(
            messages, messages.c.request_id == requests.c.id
        )
    )
    .order_by(requests.c.received_at, requests.c.id)
)


def _find_failed(wanted: WantedRequests, connection: Connection) -> list[FoundRequest]:
    return _find(_failed(wanted, connection.dialect.name), connection)


def _find(query: Select[Any], connection: Connection) -> list[FoundRequest]:
    return [FoundRequest(*row) for row in connection.execute(query)]


def _failed(wanted: WantedRequests, dialect: str) -> Select[Any]:
    if wanted.cause is None:
        query = _FOUND.where(IS_UNSUCCESSFUL, requests.c.state == "failed")
    else:
        query = _FOUND.where(of_cause(wanted.cause))
    if wanted.pipelines is not None:
        query = query.where(requests.c.pipeline.in_(wanted.pipelines))
    if wanted.code is not None:
        query = query.where(requests.c.code == wanted.code)
    if wanted.practice_ods is not None:
        query = query.where(requests.c.practice_ods == wanted.practice_ods)
    if wanted.since is not None:
        query = query.where(requests.c.received_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(requests.c.received_at < wanted.until)
    if wanted.ended_since is not None:
        query = query.where(requests.c.ended_at >= wanted.ended_since)
    if wanted.took_s is not None:
        query = query.where(took(wanted.took_s, dialect))
    return query


def _standing(first_keys: Sequence[str], job_id: str | None, connection: Connection) -> dict[str, LeftOut]:
    """Why families are not to be asked again by this job, or by a new one; those that may are not told of."""
    of_others = (
        select(replays.c.request_key)
        .join(jobs)
        .where(replays.c.request_key.in_(first_keys), jobs.c.state.in_(OPEN), jobs.c.id != (job_id or ""))
    )
    found: dict[str, LeftOut] = dict.fromkeys(connection.scalars(of_others), "in_another_job")
    sent = (
        select(replays.c.request_key, requests.c.state)
        .select_from(replays.outerjoin(requests, requests.c.request_key == replays.c.replay_key))
        .where(
            replays.c.request_key.in_(first_keys),
            # Sent, by what its job noted or, of one that was cut off before that, by what came of it.
            or_(replays.c.marked_at.is_not(None), requests.c.id.is_not(None)),
            # One that was given up as lost, and was answered after all, is answered.
            or_(replays.c.left_out.is_(None), requests.c.state == "completed"),
        )
    )
    for key, state in connection.execute(sent):
        if state == "completed":
            found[key] = "answered"
        elif state not in ("failed", "rejected") and found.get(key) != "answered":
            found[key] = "under_way"
    return found


def _last_message(first_key: str) -> Select[Any]:
    """What was asked with last in a family, as far as it is kept."""
    family = select(replays.c.replay_key).where(replays.c.request_key == first_key)
    return (
        select(requests.c.request_key, requests.c.expires_at, messages.c.sealed)
        .join(messages, messages.c.request_id == requests.c.id)
        .where(or_(requests.c.request_key == first_key, requests.c.request_key.in_(family)))
        .order_by(requests.c.id.desc())
        .limit(1)
    )


def _expiry(connection: Connection, job_id: str, key: str) -> datetime | None:
    """The new expiry that an earlier run wrote down."""
    written = select(replays.c.expires_at).where(replays.c.job_id == job_id, replays.c.request_key == key)
    found: datetime | None = connection.execute(written).scalar_one()
    return found


def _portions(keys: Collection[str]) -> Iterator[Sequence[str]]:
    every = list(keys)
    return (every[first : first + _AT_ONCE] for first in range(0, len(every), _AT_ONCE))
