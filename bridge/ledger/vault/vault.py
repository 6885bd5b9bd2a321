"""The vault: raw answers and large event bodies, encrypted, each for as long as it may be kept.

The raw answer is the source of truth (flow rule 7): from it a record can be mapped again, and its hash tells
which answer a record came from. A body too large for the bus waits here for whoever presents its claim
check. Bodies go when their time is over; what is known about them (hash, size, when, where from, trace id)
stays longer.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    delete,
    insert,
    select,
    text,
    update,
)

from bridge.ledger.keys import NotKept, SealBroken
from bridge.ledger.storage.group_commit import add_rows
from bridge.ledger.storage.metadata import Id, Instant, metadata
from bridge.ledger.storage.store import Store
from bridge.ledger.vault.sealing import Sealer

_KEPT = "sealed IS NOT NULL"
_AWAY_FROM_THE_LOOP: Final = 64 * 1024
"""Bytes from which compressing and sealing goes to a thread, so that no other request waits for it."""
_PRUNED_AT_ONCE: Final = 200

answers = Table(
    "answers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("sha256", Text, nullable=False, index=True),
    Column("size", Integer, nullable=False),
    Column("received_at", Instant, nullable=False, index=True),
    Column("expires_at", Instant, nullable=False),
    Column("request_key", Text, nullable=False, index=True),
    Column("interaction", Text, nullable=False),
    Column("practice_ods", Text, nullable=False),
    Column("trace_id", Text, nullable=False),
    Column("sealed", LargeBinary),
    Index("ix_answers_kept", "expires_at", sqlite_where=text(_KEPT), postgresql_where=text(_KEPT)),
)
"""Every answer that came; `sealed` is None once its time is over."""

claims = Table(
    "claims",
    metadata,
    Column("id", Text, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("created_at", Instant, nullable=False, index=True),
    Column("expires_at", Instant, nullable=False),
    Column("sealed", LargeBinary),
    Column("request_key", Text),
    Index("ix_claims_kept", "expires_at", sqlite_where=text(_KEPT), postgresql_where=text(_KEPT)),
)
"""Bodies that an event refers to instead of carrying them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFacts:
    """What is known about an answer, for longer than the answer itself."""

    sha256: str
    """Of the body as it was received, decoded."""
    received_at: datetime
    request_key: str
    interaction: str
    practice_ods: str
    trace_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer(AnswerFacts):
    """An answer, whole."""

    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClaimCheck:
    """What an event carries in place of a large body; the id is random and says nothing."""

    id: str
    sha256: str
    size: int
    media_type: str
    request_key: str | None


@dataclass(frozen=True, slots=True)
class PrunedBodies:
    """How many bodies went, and how many rows of what was known about bodies long gone."""

    answers: int
    claims: int
    metadata: int


class Vault:
    """Answers and claims in one ledger.

    Args:
        store: the ledger's database.
        sealer: what encrypts.
        keep_answers: how long a raw answer may be kept; zero keeps what is known about it only.
    """

    def __init__(self, store: Store, sealer: Sealer, *, keep_answers: timedelta) -> None:
        self._store = store
        self._sealer = sealer
        self._keep_answers = keep_answers

    async def store_answer(self, answer: KeptAnswer) -> None:
        """Keep an answer; returns when it is durable."""
        kept = self._keep_answers > timedelta(0)
        row = {
            "sha256": answer.sha256,
            "size": len(answer.body),
            "received_at": answer.received_at,
            "expires_at": answer.received_at + self._keep_answers,
            "request_key": answer.request_key,
            "interaction": answer.interaction,
            "practice_ods": answer.practice_ods,
            "trace_id": answer.trace_id,
            "sealed": await self._seal(answer.body, _answer_aad(answer.sha256)) if kept else None,
        }
        await self._store.write(lambda connection: add_rows(connection, answers, [row], skip_known=False))

    async def open_answer(self, sha256: str) -> KeptAnswer:
        """The answer with this hash, the latest if it came more than once.

        Raises:
            NotKept: there is none (any more).
            KeyUnknown: the key that sealed it was removed.
            SealBroken: the database was changed.
        """
        query = (
            select(answers)
            .where(answers.c.sha256 == sha256, answers.c.expires_at > datetime.now(UTC), text(_KEPT))
            .order_by(answers.c.id.desc())
            .limit(1)
        )
        row = await self._store.read(lambda connection: connection.execute(query).one_or_none())
        if row is None:
            raise NotKept(f"no answer {sha256}")
        body = await self._open(row.sealed, _answer_aad(sha256))
        if hashlib.sha256(body).hexdigest() != sha256:
            raise SealBroken("the answer is not the one its hash names")
        return KeptAnswer(**_facts(row), body=body)

    async def answers_to(self, request_key: str) -> Sequence[AnswerFacts]:
        """What is known about the answers to a request, oldest first, whether or not they are kept."""
        query = select(answers).where(answers.c.request_key == request_key).order_by(answers.c.id)
        rows = await self._store.read(lambda connection: connection.execute(query).all())
        return [AnswerFacts(**_facts(row)) for row in rows]

    async def check_in(
        self, body: bytes, media_type: str, expires_at: datetime, *, request_key: str | None = None
    ) -> ClaimCheck:
        """Keep a body for whoever presents its claim check; returns when it is durable."""
        check = ClaimCheck(
            secrets.token_hex(16), hashlib.sha256(body).hexdigest(), len(body), media_type, request_key
        )
        row = {
            "id": check.id,
            "sha256": check.sha256,
            "size": check.size,
            "media_type": media_type,
            "created_at": datetime.now(UTC),
            "expires_at": expires_at,
            "request_key": request_key,
            "sealed": await self._seal(body, _claim_aad(check.id)),
        }
        await self._store.write(lambda connection: connection.execute(insert(claims), row))
        return check

    async def open_claim(self, claim_id: str) -> tuple[ClaimCheck, bytes]:
        """The body that was left under this id, and what it is.

        Raises:
            NotKept: there is none (any more).
            KeyUnknown: the key that sealed it was removed.
            SealBroken: the database was changed.
        """
        query = select(claims).where(
            claims.c.id == claim_id, claims.c.expires_at > datetime.now(UTC), text(_KEPT)
        )
        row = await self._store.read(lambda connection: connection.execute(query).one_or_none())
        if row is None:
            raise NotKept(f"no claim {claim_id}")
        body = await self._open(row.sealed, _claim_aad(claim_id))
        return ClaimCheck(row.id, row.sha256, row.size, row.media_type, row.request_key), body

    async def prune(self, now: datetime, *, facts_before: datetime) -> PrunedBodies:
        """Delete the bodies whose time is over, and what is known about bodies from before `facts_before`.

        A few at a time, so that requests are not held up. `Ledger.prune`, run next, gives the space back.
        """
        return PrunedBodies(
            answers=await self._drop_bodies(answers, now),
            claims=await self._drop_bodies(claims, now),
            metadata=await self._forget(answers, answers.c.received_at, facts_before, now)
            + await self._forget(claims, claims.c.created_at, facts_before, now),
        )

    async def _drop_bodies(self, table: Table, now: datetime) -> int:
        over = select(table.c.id).where(table.c.expires_at <= now, text(_KEPT)).limit(_PRUNED_AT_ONCE)
        return await self._in_portions(update(table).where(table.c.id.in_(over)).values(sealed=None))

    async def _forget(self, table: Table, since: Column[Any], before: datetime, now: datetime) -> int:
        # What is still kept stays known, however short the site says metadata is to be kept.
        old = select(table.c.id).where(since < before, table.c.expires_at <= now).limit(_PRUNED_AT_ONCE)
        return await self._in_portions(delete(table).where(table.c.id.in_(old)))

    async def _in_portions(self, change: Any) -> int:
        def portion(connection: Connection) -> int:
            return connection.execute(change).rowcount

        total = 0
        while changed := await self._store.write(portion):
            total += changed
        return total

    async def _seal(self, body: bytes, aad: bytes) -> bytes:
        if len(body) < _AWAY_FROM_THE_LOOP:
            return self._sealer.seal(body, aad)
        return await asyncio.to_thread(self._sealer.seal, body, aad)

    async def _open(self, sealed: bytes, aad: bytes) -> bytes:
        if len(sealed) < _AWAY_FROM_THE_LOOP:
            return self._sealer.open(sealed, aad)
        return await asyncio.to_thread(self._sealer.open, sealed, aad)


def _facts(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in AnswerFacts.__dataclass_fields__}


def _answer_aad(sha256: str) -> bytes:
    return f"answer:{sha256}".encode()


def _claim_aad(claim_id: str) -> bytes:
    return f"claim:{claim_id}".encode()
