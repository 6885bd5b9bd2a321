"""Jobs that send dead letters again, or discard them; the states of a job: `bridge.ledger.storage.jobs`.

A dead letter is marked after its copy is safe (or, to be discarded, when that is decided) and before it
is taken away. A job that was killed in between goes on where it was: what is marked is only taken away.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Column, Text, func, select

from bridge.ledger.clocks import utc_now
from bridge.ledger.storage.jobs import JobStore, JobTables, table_of_items, table_of_jobs
from bridge.ledger.storage.store import Store
from bridge.values import dataclass

jobs = table_of_jobs("letter_jobs", "replay", "discard")
dead_letters = table_of_items(
    "letter_job_letters",
    of=jobs,
    key="letter_id",
    columns=(
        Column("pipeline", Text, nullable=False),
        Column("cause", Text, nullable=False),
        Column("message_id", Text, nullable=False),
        Column("correlation_id", Text),
    ),
)
_TABLES: Final = JobTables(jobs, dead_letters, "letter_id", "no such dead letter, or another job has it")


@dataclass(frozen=True, slots=True)
class JobDeadLetter:
    """One dead letter of a job; `cause` is the reason it is dead, `marked_at` when it was dealt with."""

    letter_id: str
    pipeline: str
    cause: str
    message_id: str
    correlation_id: str | None
    marked_at: datetime | None = None


class DeadLetterJobs(JobStore[JobDeadLetter]):
    """The jobs over dead letters in one ledger; see `JobStore` for the arguments."""

    def __init__(self, store: Store, *, lease: timedelta, clock: Callable[[], datetime] = utc_now) -> None:
        super().__init__(store, _TABLES, JobDeadLetter, lease=lease, clock=clock)

    async def discarded(self, pipeline: str, cause: str) -> int:
        """How many dead letters of a pipeline that died for this cause were ever discarded."""
        query = (
            select(func.count())
            .select_from(dead_letters.join(jobs))
            .where(
                jobs.c.kind == "discard",
                dead_letters.c.pipeline == pipeline,
                dead_letters.c.cause == cause,
                dead_letters.c.marked_at.is_not(None),
            )
        )
        return await self._store.read(lambda connection: connection.execute(query).scalar_one())
