"""Entries of the audit trail for a person who reads: the newest first, a page at a time.

A page begins where the last one ended, by the time and the place of its last entry, so it costs the same
however long the trail is.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self

import orjson
from sqlalchemy import select, tuple_

from bridge.ledger.audit.chain import entries, fetch
from bridge.ledger.storage.store import Store
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class AuditPlace:
    """Where an entry stands among those that are read by time."""

    recorded_at: datetime
    chain: int
    sequence: int

    def __str__(self) -> str:
        return f"{self.recorded_at.isoformat()}~{self.chain}~{self.sequence}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a place as `str` wrote it.

        Raises:
            ValueError: it is none.
        """
        moment, chain, sequence = text.split("~")
        recorded_at = datetime.fromisoformat(moment)
        if recorded_at.tzinfo is None:
            raise ValueError(text)
        return cls(recorded_at, int(chain), int(sequence))


@dataclass(frozen=True, slots=True)
class AuditNote:
    """One entry, without the NHS number that is sealed in it; `facts` as the entry has them."""

    place: AuditPlace
    event: str
    outcome: str
    code: str | None
    user_id: str | None
    user_name: str | None
    organisation: str | None
    patient_key: str | None
    request_key: str | None
    correlation_id: str | None
    practice_ods: str | None
    interaction: str | None
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some entries, the newest first; `more`: where the next page begins, None when there is none."""

    notes: Sequence[AuditNote]
    more: AuditPlace | None


async def newest(
    store: Store,
    *,
    limit: int,
    before: AuditPlace | None = None,
    request_key: str | None = None,
    patient_key: str | None = None,
) -> AuditPage:
    """A page of entries.

    Args:
        store: the ledger's database.
        limit: how many.
        before: where the last page ended.
        request_key: only those about this request.
        patient_key: only those about this patient.
    """
    order = tuple_(entries.c.recorded_at, entries.c.lane, entries.c.sequence)
    wanted = select(entries)
    if request_key is not None:
        wanted = wanted.where(entries.c.request_key == request_key)
    if patient_key is not None:
        wanted = wanted.where(entries.c.patient_key == patient_key)
    if before is not None:
        # The first condition is for the index: not every database uses one for a comparison of rows.
        wanted = wanted.where(
            entries.c.recorded_at <= before.recorded_at,
            order < tuple_(before.recorded_at, before.chain, before.sequence),
        )
    columns = (entries.c.recorded_at, entries.c.lane, entries.c.sequence)
    page = wanted.order_by(*(column.desc() for column in columns)).limit(limit + 1)
    notes = [_note(row) for row in await store.read(fetch(page))]
    return AuditPage(notes[:limit], notes[limit - 1].place if len(notes) > limit else None)


def _note(row: Mapping[str, Any]) -> AuditNote:
    details = orjson.loads(row["details"])
    return AuditNote(
        place=AuditPlace(row["recorded_at"], row["lane"], row["sequence"]),
        event=row["event"],
        outcome=row["outcome"],
        code=row["code"],
        user_id=row["user_id"],
        user_name=details.get("user", {}).get("name"),
        organisation=row["organisation"],
        patient_key=row["patient_key"],
        request_key=row["request_key"],
        correlation_id=row["correlation_id"],
        practice_ods=row["practice_ods"],
        interaction=row["interaction"],
        facts=details.get("facts", {}),
    )
