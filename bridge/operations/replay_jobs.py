"""Jobs that ask failed requests again: planned, confirmed with a reason, and run. Reads only.

A replay is a request like any other, under an id that is made of the first one's and the job's: it is queued
behind what is there, heeds the order of its patient's requests, and is retried as any other. The kill switch
for retries does not hold it back, because it is a first try; ``pause`` and ``stop`` do.

Its expiry is what its sender wrote. Where that is over, and those were asked for, it is given as long again
as its sender gave it, five minutes at least, from when it is sent.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal

from bridge.bus.port import Unpublishable
from bridge.contracts.envelope import STRUCTURED
from bridge.contracts.replay import replay_id, replay_of
from bridge.engine.incoming import envelope_of
from bridge.engine.messages import restored
from bridge.errors import RequestRejected
from bridge.ledger import request_key
from bridge.ledger.audit.trail import Actor, Entry
from bridge.ledger.storage.jobs import Job, JobRefused, new_job_id
from bridge.ledger.storage.replay_jobs import FoundRequest, JobRequest, LeftOut, Ready, WantedRequests
from bridge.observe.trace_context import TRACEPARENT, TRACESTATE
from bridge.operations.failures import FailureCause, group, group_id
from bridge.operations.jobs import JobRun, confirmed, ended_by_hand, planned_by
from bridge.operations.requests import history
from bridge.operations.sending import NotTaken
from bridge.operations.site import Queues, Stores, open_queues
from bridge.pipelines.declaration import Operation, Pipeline
from bridge.pipelines.installed import installed_pipelines
from bridge.values import dataclass

__all__ = [
    "WHY_LEFT_OUT",
    "Job",
    "JobRefused",
    "LeftOut",
    "confirm",
    "end",
    "jobs",
    "plan",
    "run",
    "show",
]

WHY_LEFT_OUT: Final[Mapping[LeftOut, str]] = {
    "answered": "asked again already, and completed",
    "changes_something": "a booking or another change, which is never asked again: its sender decides",
    "expired": "the answer is of no use any more, as its sender says (--include-expired asks all the same)",
    "in_another_job": "in another confirmed job",
    "key_unknown": "sealed with a vault key that is gone",
    "lost": "sent, and on no queue any more, as an operator found: it can be asked again",
    "message_not_kept": "what was asked is not kept (any more)",
    "not_failed": "not failed",
    "not_taken": "no installed pipeline takes it",
    "superseded": "stands in the plan already, as what it was asked again as",
    "under_way": "asked again already, and that has not ended",
}
"""What each reason says."""
_SAMPLE: Final = 5
_TRACE: Final = frozenset({TRACEPARENT, TRACESTATE})
"""Headers of a message beside its envelope that go on with it."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which failed requests are meant; what is None does not narrow it down.

    Attributes:
        requests: these alone, each by its sender's id or its key; the others do not count then.
        group: of the cause with this id (`bridge.operations.failures`).
        pipelines: of these.
        code: that failed for it.
        practice_ods: that asked this practice.
        since: received then or later.
        until: received before.
        ended_since: ended then or later, as groups are counted.
        took_s: took so many seconds or longer, one of `bridge.operations.requests.THRESHOLDS`.
        limit: at most so many, the oldest first.
        include_expired: those too whose expiry has passed.
    """

    requests: Collection[str] | None = None
    group: str | None = None
    pipelines: Collection[str] | None = None
    code: str | None = None
    practice_ods: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    ended_since: datetime | None = None
    took_s: int | None = None
    limit: int | None = None
    include_expired: bool = False


@dataclass(frozen=True, slots=True)
class PlannedCause:
    """How many of a plan failed of one cause, which `bridge failures` shows as the group of this id."""

    group: str
    cause: FailureCause
    count: int


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """One request of a plan, without anything of the patient."""

    request_key: str
    correlation_id: str
    pipeline: str
    operation: str | None
    practice_ods: str | None
    code: str | None
    received_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """A frozen set.

    Attributes:
        job: that was planned.
        causes: why they failed, the most frequent first.
        left_out: how many were left out, by reason.
        sample: the oldest.
        kept_days: how long the installation keeps what was asked; 0: no new failure can be asked again.
        oldest, newest: when the first and the last of them was received.
        is_of_all_time: whether nothing was said of since when: a group counts what ended of its cause ever,
            where `bridge failures` counts some hours.
    """

    job: Job
    causes: Sequence[PlannedCause]
    left_out: Mapping[LeftOut, int]
    sample: Sequence[SampleRequest]
    kept_days: int
    oldest: datetime
    newest: datetime
    is_of_all_time: bool


@dataclass(frozen=True, slots=True)
class ReplayProgress:
    """How far a job is.

    Attributes:
        job: as it stands.
        ends: how many ended how: the state of what they were asked again as (``not_arrived``: no worker has
            it yet), the reason why they were left out, or ``to_do``.
    """

    job: Job
    ends: Mapping[str, int]


async def plan(stores: Stores, selection: Selection, *, actor: Actor) -> ReplayPlan:
    """Freeze the failed requests that are meant as a job; nothing is asked yet. The audit trail is told.

    Raises:
        OperationRefused: a request, or a group, that is named is not known.
        JobRefused: none can be asked again; the text says why.
    """
    found = await stores.replay_jobs.find(await _wanted(stores, selection))
    standing = await stores.replay_jobs.standing({one.first_key for one in found})
    chosen, left_out = _chosen(found, standing, include_expired=selection.include_expired)
    frozen = chosen[: selection.limit]
    kept_days = min(stores.settings.ledger.keep_failed_messages_days, stores.settings.ledger.keep_bodies_days)
    if not frozen:
        raise JobRefused(_none(left_out, kept_days))
    job_id = new_job_id()
    items = [_frozen(one, job_id, include_expired=selection.include_expired) for one in frozen]
    noted = planned_by(stores, "replay.planned", actor, _told(selection, left_out))
    job = await stores.replay_jobs.plan("replay", items, by=actor.user_id, also=noted, job_id=job_id)
    held = await stores.replay_jobs.items(job_id)
    planned = [one for one in frozen if one.first_key in held]
    if lost := len(frozen) - len(planned):  # another job was confirmed meanwhile
        left_out["in_another_job"] += lost
    sample = [_sample(one) for one in planned[:_SAMPLE]]
    received = [one.received_at for one in planned]
    return ReplayPlan(
        job,
        _causes(planned),
        dict(left_out),
        sample,
        kept_days,
        oldest=min(received),
        newest=max(received),
        is_of_all_time=not (selection.since or selection.ended_since or selection.requests),
    )


async def confirm(stores: Stores, job_id: str, *, actor: Actor, reason: str) -> Job:
    """Let a planned job run; who and why goes to the audit trail.

    Raises:
        ReasonMissing: the reason is blank.
        JobRefused: it is not planned any more.
    """
    jobs = stores.replay_jobs
    return await confirmed(
        stores, jobs, job_id, "replay", event="replay.confirmed", actor=actor, reason=reason
    )


async def run(stores: Stores, job_id: str, *, rate: float, progress: Callable[[int], None]) -> Job:
    """Ask again for every request of a confirmed job that may still be; the job as it stands then.

    Another process ends the run with `end`; a run that was killed is gone on with.

    Args:
        stores: the job's; the audit trail gets an entry for every request, by whoever confirmed the job.
        job_id: of the job.
        rate: requests a second, at most: how fast they are queued; calls keep the worker's own limits.
        progress: told after each how many it was.

    Raises:
        JobRefused: it is not confirmed, has ended, or another process runs it.
        NotTaken: the bus does not take a request; the job is paused.
    """
    frozen = await stores.replay_jobs.items(job_id)
    wanted = {one.pipeline for one in frozen.values()}
    takers = {one.name: one for one in installed_pipelines() if one.name in wanted}
    async with open_queues(stores.settings, sorted(takers)) as queues:
        return await _ReplayRun(stores, queues, takers, rate=rate, progress=progress)(job_id, "replay")


async def end(stores: Stores, job_id: str, *, how: Literal["pause", "stop"], actor: Actor) -> Job:
    """Let the run of a job end after the request at hand, or end it for good; the audit trail is told who.

    Of one that is ended for good, what was asked again goes on, and the rest stays failed.

    Raises:
        JobRefused: it is not run, or has ended.
    """
    event = "replay.paused" if how == "pause" else "replay.stopped"
    return await ended_by_hand(
        stores, stores.replay_jobs, job_id, "replay", how=how, event=event, actor=actor
    )


async def show(stores: Stores, job_id: str) -> ReplayProgress:
    """How far a job is, and what came of what it asked again.

    Raises:
        JobRefused: there is none.
    """
    job = await stores.replay_jobs.job(job_id, "replay")
    return ReplayProgress(job, await stores.replay_jobs.ends(job_id))


async def jobs(stores: Stores) -> Sequence[Job]:
    """Every job, newest first."""
    return await stores.replay_jobs.all("replay")


class _ReplayRun(JobRun[JobRequest]):
    """One process's run of a job over failed requests."""

    def __init__(
        self,
        stores: Stores,
        queues: Queues,
        takers: Mapping[str, Pipeline],
        *,
        rate: float,
        progress: Callable[[int], None],
    ) -> None:
        super().__init__(stores, stores.replay_jobs, rate=rate, progress=progress)
        self._replays = stores.replay_jobs
        self._queues = queues
        self._takers = takers

    async def _deal_with(self, job: Job, items: Mapping[str, JobRequest]) -> bool:
        for one in items.values():
            if one.marked_at is not None:
                continue
            if not await self._may_go_on(job):
                return False
            found = await self._replays.take(job.id, one)
            left_out = await self._send(one, found) if isinstance(found, Ready) else found
            noted = self._stores.trail.step(self._entry(job, one, left_out))
            await self._replays.mark(job.id, one.request_key, also=noted, left_out=left_out)
            await self._dealt_with_one()
        return True

    async def _send(self, one: JobRequest, ready: Ready) -> LeftOut | None:
        """Put the request on the bus, as its sender did; why not, if it is not to be."""
        delivery, _ = restored(ready.message)
        taker = self._takers.get(one.pipeline)
        operation = taker.operation_for(delivery.key) if taker else None
        if operation is None:
            return "not_taken"
        if not operation.changes_nothing:
            return "changes_something"
        try:
            request = envelope_of(delivery, max_bytes=self._stores.settings.bus.max_request_bytes)
        except RequestRejected:  # it was read once: by a version that took what this one does not
            return "not_taken"
        identity = _id_in(one.replay_key)
        body = replay_of(request, id=identity, expires_at=ready.expires_at)
        try:
            await self._queues.bus.send(
                operation.accepts,
                body,
                id=identity,
                content_type=STRUCTURED,
                correlation_id=request.correlation_id,
                headers={name: text for name, text in delivery.headers.items() if name in _TRACE},
            )
        except Unpublishable as fault:
            raise NotTaken(fault.reason) from None
        return None

    def _entry(self, job: Job, one: JobRequest, left_out: LeftOut | None) -> Entry:
        return Entry(
            event="replay.left_out" if left_out else "replay.asked",
            outcome="rejected" if left_out else "completed",
            code=left_out or one.cause,
            actor=self._actor(job),
            request_key=one.request_key,
            correlation_id=one.correlation_id,
            facts={
                "job": job.id,
                "reason": job.reason or "",
                "replay": one.replay_key,
                "pipeline": one.pipeline,
            },
        )


async def _wanted(stores: Stores, selection: Selection) -> WantedRequests:
    keys = None
    if selection.requests is not None:
        keys = {(await history(stores, request)).request_key for request in selection.requests}
    return WantedRequests(
        pipelines=selection.pipelines,
        code=selection.code,
        practice_ods=selection.practice_ods,
        since=selection.since,
        until=selection.until,
        ended_since=selection.ended_since,
        took_s=selection.took_s,
        cause=await _cause(stores, selection),
        request_keys=keys,
    )


async def _cause(stores: Stores, selection: Selection) -> FailureCause | None:
    if selection.group is None:
        return None
    return (await group(stores, selection.group, since=selection.ended_since)).cause


def _told(selection: Selection, left_out: Mapping[LeftOut, int]) -> dict[str, str]:
    """What is meant, for the audit trail: what narrowed it down, and what was left out."""
    said = {
        "requests": len(selection.requests) if selection.requests is not None else None,
        "group": selection.group,
        "pipelines": ",".join(selection.pipelines) if selection.pipelines is not None else None,
        "code": selection.code,
        "practice": selection.practice_ods,
        "since": selection.since and selection.since.isoformat(),
        "until": selection.until and selection.until.isoformat(),
        "ended_since": selection.ended_since and selection.ended_since.isoformat(),
        "took_s": selection.took_s,
        "limit": selection.limit,
        "include_expired": selection.include_expired or None,
        "left_out": ",".join(f"{reason}:{count}" for reason, count in sorted(left_out.items())) or None,
    }
    return {name: str(value) for name, value in said.items() if value is not None}


def _chosen(
    found: Sequence[FoundRequest], standing: Mapping[str, LeftOut], *, include_expired: bool
) -> tuple[list[FoundRequest], Counter[LeftOut]]:
    """What may be asked again, one of each family, and how many not, by reason."""
    operations = {one.accepts: one for pipeline in installed_pipelines() for one in pipeline.operations}
    chosen: dict[str, FoundRequest] = {}
    left_out: Counter[LeftOut] = Counter()
    now = datetime.now(UTC)
    for one in found:
        reason = _unfit(one, operations) or standing.get(one.first_key)
        if reason is None and not include_expired and one.expires_at is not None and one.expires_at <= now:
            reason = "expired"
        if reason is None and chosen.pop(one.first_key, None) is not None:
            left_out["superseded"] += 1
        if reason is None:
            chosen[one.first_key] = one
        else:
            left_out[reason] += 1
    return list(chosen.values()), left_out


def _unfit(one: FoundRequest, operations: Mapping[str, Operation[Any]]) -> LeftOut | None:
    """Why a request is none to ask again, whatever became of it since."""
    operation = operations.get(one.operation) if one.operation is not None else None
    # A message of an earlier version's time is there because its request was in doubt: it is a change.
    if (operation is not None and not operation.changes_nothing) or (
        one.operation is None and one.has_message
    ):
        return "changes_something"
    if one.state != "failed":
        return "not_failed"
    if one.operation is not None and operation is None:
        return "not_taken"
    return None if one.has_message else "message_not_kept"


def _frozen(one: FoundRequest, job_id: str, *, include_expired: bool) -> JobRequest:
    source, _, _ = one.first_key.partition(" ")
    life = one.expires_at - one.received_at if one.expires_at is not None and include_expired else None
    return JobRequest(
        request_key=one.first_key,
        pipeline=one.pipeline,
        cause=one.code or "",
        correlation_id=one.correlation_id,
        replay_key=request_key(source, replay_id(one.first_key, job_id)),
        life_s=life.total_seconds() if life is not None else None,
    )


def _id_in(key: str) -> str:
    _, _, identity = key.partition(" ")
    return identity


def _causes(planned: Sequence[FoundRequest]) -> list[PlannedCause]:
    counted = Counter(one.cause for one in planned)
    return [PlannedCause(group_id(cause), cause, count) for cause, count in counted.most_common()]


def _sample(one: FoundRequest) -> SampleRequest:
    return SampleRequest(**{name: getattr(one, name) for name in SampleRequest.__dataclass_fields__})


def _none(left_out: Mapping[LeftOut, int], kept_days: int) -> str:
    text = "no failed request can be asked again"
    if left_out:
        text += ": " + "; ".join(f"{count} {WHY_LEFT_OUT[reason]}" for reason, count in left_out.items())
    return text if kept_days else f"{text} (BRIDGE_LEDGER_KEEP_FAILED_MESSAGES_DAYS is 0: none is kept)"
