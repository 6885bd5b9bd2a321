"""Replays whose message is lost: an operator gives them up, so that they can be asked again."""

from bridge.ledger.audit.trail import Actor, Entry
from bridge.ledger.storage.jobs import JobRefused
from bridge.ledger.storage.store import LedgerStep
from bridge.operations import reasons
from bridge.operations.site import Queues, Stores


async def give_up_lost(stores: Stores, queues: Queues, job_id: str, *, actor: Actor, reason: str) -> int:
    """Give up what a job has sent, and what is on no queue any more: it can be planned again.

    A message that was purged from its queue never comes, and its request would be under way for ever.

    Args:
        stores: the job's; the audit trail gets who decided it, and why.
        queues: of all pipelines.
        job_id: of the job.
        actor: who found out.
        reason: how it was lost.

    Returns:
        How many were given up.

    Raises:
        ReasonMissing: the reason is blank.
        JobRefused: there is no such job, a queue of its pipelines holds messages, or nothing is lost.
    """
    why = reasons.given(reason)
    await stores.replay_jobs.job(job_id, "replay")
    for pipeline in sorted({one.pipeline for one in (await stores.replay_jobs.items(job_id)).values()}):
        queue = queues.by_pipeline.get(pipeline)
        depth = await queues.bus.depth(queue) if queue is not None else None
        if depth is not None and (held := depth.ready + depth.waiting):
            raise JobRefused(f"{held} messages of {pipeline} wait, and it may be among them: nothing is lost")

    def noted(count: int) -> LedgerStep[object]:
        facts = {"job": job_id, "reason": why, "total": str(count)}
        return stores.trail.step(Entry(event="replay.lost", outcome="completed", actor=actor, facts=facts))

    count = await stores.replay_jobs.give_up_lost(job_id, also=noted)
    if not count:
        raise JobRefused("nothing that it has sent is lost, or it was sent a moment ago")
    return count
