"""Dead letters as an operator looks at them: by cause, one by one, and copied. All stay where they are."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple, Self

from bridge.bus.port import DeadLetter
from bridge.ledger.audit.trail import Actor, Entry
from bridge.operations.site import Queues, Stores
from bridge.values import dataclass

MOST_LOOKED_AT: Final = 10_000
"""Dead letters of one queue that are fetched at one look: RabbitMQ holds them for us meanwhile."""


@dataclass(frozen=True, slots=True)
class DeadLetterFacts:
    """A dead letter without its body: no patient data but what its sender put into headers.

    Attributes:
        id: as `find` takes it.
        pipeline: whose request it is.
        reason: why it is dead, as a code.
        detail: the same, closer.
        attempt: how often it was tried.
        dead_at: since when it is dead; None when the broker does not say.
        key: its routing key.
        message_id: of its sender, or ours when they gave none.
        correlation_id: likewise.
        content_type: of the body.
        size: of the body, in bytes.
        headers: every one.
    """

    id: str
    pipeline: str
    reason: str
    detail: str
    attempt: int
    dead_at: datetime | None
    key: str
    message_id: str
    correlation_id: str | None
    content_type: str | None
    size: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class FoundDeadLetter:
    """A dead letter and the pipeline whose request it is."""

    pipeline: str
    dead_letter: DeadLetter

    def without_body(self) -> Self:
        """The same, light enough to keep many of."""
        message = replace(self.dead_letter.message, body=b"")
        return replace(self, dead_letter=replace(self.dead_letter, message=message))

    @property
    def facts(self) -> DeadLetterFacts:
        """All but its body."""
        message = self.dead_letter.message
        return DeadLetterFacts(
            id=self.dead_letter.id,
            pipeline=self.pipeline,
            reason=self.dead_letter.reason,
            detail=self.dead_letter.detail,
            attempt=message.attempt,
            dead_at=self.dead_letter.dead_at,
            key=message.key,
            message_id=message.id,
            correlation_id=message.correlation_id,
            content_type=message.content_type,
            size=len(message.body),
            headers=dict(message.headers),
        )


class _Cause(NamedTuple):
    """What dead letters are counted by."""

    pipeline: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class DeadLetterCause:
    """The dead letters of one cause: how many, and since when."""

    pipeline: str
    reason: str
    detail: str
    count: int
    oldest: datetime | None
    newest: datetime | None


@dataclass(frozen=True, slots=True)
class Causes:
    """Dead letters by cause, the most frequent first; `not_looked_at` are beyond `MOST_LOOKED_AT`."""

    groups: Sequence[DeadLetterCause]
    not_looked_at: int


async def dead_letters(
    queues: Queues, *, reason: str | None = None, most: int = MOST_LOOKED_AT
) -> AsyncGenerator[FoundDeadLetter, None]:
    """The dead letters of these pipelines, at most `most` of each are looked at; all stay where they are.

    Args:
        queues: the pipelines whose dead letters these are.
        reason: only those that are dead for it.
        most: of each queue.
    """
    for pipeline, queue in queues.by_pipeline.items():
        seen = 0
        async with queues.bus.dead_letters(queue) as held:
            async for one in held:
                if reason in (None, one.dead_letter.reason):
                    yield FoundDeadLetter(pipeline, one.dead_letter)
                seen += 1
                if seen >= most:
                    break


async def by_cause(queues: Queues) -> Causes:
    """Count the dead letters of these pipelines by pipeline, reason and detail."""
    depths = [(await queues.bus.depth(queue)).dead for queue in queues.by_pipeline.values()]
    dead_at: dict[_Cause, list[datetime | None]] = {}
    async for one in dead_letters(queues):
        cause = _Cause(one.pipeline, one.dead_letter.reason, one.dead_letter.detail)
        dead_at.setdefault(cause, []).append(one.dead_letter.dead_at)
    groups = [_group(cause, times) for cause, times in dead_at.items()]
    groups.sort(key=lambda group: (-group.count, group.pipeline, group.reason, group.detail))
    return Causes(groups, sum(max(0, depth - MOST_LOOKED_AT) for depth in depths))


async def find(queues: Queues, letter_id: str) -> FoundDeadLetter | None:
    """The dead letter with this id; None when it is not there, or somebody else holds it at the moment."""
    async with aclosing(dead_letters(queues)) as found:
        async for one in found:
            if one.dead_letter.id == letter_id:
                return one
    return None


async def note_opened(stores: Stores, found: FoundDeadLetter, *, actor: Actor) -> None:
    """Write down that somebody looks at the body of a dead letter: before they do."""
    facts = {"letter": found.dead_letter.id, "pipeline": found.pipeline}
    await _note(stores, "dead.opened", actor, facts)


async def copies(
    stores: Stores, queues: Queues, *, actor: Actor, reason: str | None = None, named: Sequence[str] = ()
) -> AsyncGenerator[FoundDeadLetter, None]:
    """Dead letters with their bodies, to be copied; they stay. What cannot be noted is not given out.

    Args:
        stores: the audit trail is told first.
        queues: the pipelines whose dead letters these are.
        actor: who copies.
        reason: only those that are dead for it.
        named: the pipelines that were asked for by name, for the trail.
    """
    await _note(stores, "dead.exported", actor, {"reason": reason or "", "pipeline": ",".join(named)})
    async with aclosing(dead_letters(queues, reason=reason)) as found:
        async for one in found:
            yield one


async def _note(stores: Stores, event: str, actor: Actor, facts: Mapping[str, str]) -> None:
    await stores.trail.record(Entry(event=event, outcome="completed", actor=actor, facts=facts))


def _group(cause: _Cause, times: Sequence[datetime | None]) -> DeadLetterCause:
    known = [moment for moment in times if moment is not None]
    return DeadLetterCause(
        pipeline=cause.pipeline,
        reason=cause.reason,
        detail=cause.detail,
        count=len(times),
        oldest=min(known, default=None),
        newest=max(known, default=None),
    )
