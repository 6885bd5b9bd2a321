"""The vault: raw answers and large event bodies, encrypted, each for as long as it may be kept.

The raw answer is the source of truth (flow rule 7): from it a record can be mapped again, and its hash tells
which answer a record came from. A body too large for the bus waits here for whoever presents its claim
check. A document comes in parts, each sealed as it arrives, so that it never stands whole in memory. Bodies
go when their time is over; what is known about them (hash, size, when, where from, trace id) stays longer.
"""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    Select,
    Table,
    Text,
    and_,
    delete,
    func,
    insert,
    select,
    text,
    update,
)

from bridge.ledger.keys import NotKept, SealBroken
from bridge.ledger.storage import partitions
from bridge.ledger.storage.dialects import partial_index
from bridge.ledger.storage.group_commit import add_rows
from bridge.ledger.storage.metadata import Id, Instant, metadata
from bridge.ledger.storage.store import LedgerStep, Store
from bridge.ledger.vault.sealing import SEALED_IN_THE_LOOP, Sealer
from bridge.values import dataclass

_KEPT = "sealed IS NOT NULL"
_OPENED_AWAY: Final = 64 * 1024
"""Bytes from which a sealed value is opened in a thread: what was compressed may be many times as long."""
_PRUNED_AT_ONCE: Final = 200
PART_BYTES: Final = 512 * 1024
"""Of a body that comes in parts: as much of it as is in memory at a time."""

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
    partial_index("ix_answers_kept", _KEPT, "expires_at"),
)
"""Every answer that came. `sealed` is of those from before version 0014, until their time is over."""

answer_bodies = Table(
    "answer_bodies",
    metadata,
    Column("sha256", Text, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
)
"""Of answers that are kept, by the hash and the end of each; on PostgreSQL a part holds those of a month.

A body is found by its end, which few share: for an index of hashes each answer would write a page of its own.
"""

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
    Column("parts", Integer),
    partial_index("ix_claims_kept", _KEPT, "expires_at"),
)
"""Bodies that an event refers to instead of carrying them. `sealed` says how many `parts` there are, so that
none can be taken away unseen; where there are none it is the body itself, of before version 0014."""

claim_parts = Table(
    "claim_parts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("claim_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    # All parts of a claim have the same end; on PostgreSQL a partition holds those of a month.
    Index("ix_claim_parts_claim", "claim_id", "number", "expires_at", unique=True),
)
"""Bodies in parts. Until its claim is there nobody can open them, and one that never comes costs them nothing
but the time that they are kept for."""


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
    """How many bodies went, and how many rows of what was known about bodies long gone.

    What went with a partition is not counted: `partitions` says how many of those were dropped.
    """

    answers: int
    claims: int
    metadata: int
    partitions: int = 0


class Deposit:
    """A body on its way into the vault. Nobody can open it before it `is_complete`."""

    def __init__(self, store: Store, sealer: Sealer, expires_at: datetime, request_key: str | None) -> None:
        self._store = store
        self._sealer = sealer
        self._expires_at = expires_at
        self._request_key = request_key
        self._id = secrets.token_hex(16)
        self._hash = hashlib.sha256()
        self._size = 0
        self._parts = 0
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self.is_complete = False

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._size

    @property
    def sha256(self) -> str:
        """Of the bytes so far, hexadecimal."""
        return self._hash.hexdigest()

    async def add(self, piece: bytes) -> None:
        """Take the next bytes.

        Raises:
            LedgerUnavailable: they cannot be kept now.
        """
        self._hash.update(piece)
        self._size += len(piece)
        self._pending.append(piece)
        self._pending_bytes += len(piece)
        if self._pending_bytes >= PART_BYTES:
            await self._store_part()

    async def complete(self, media_type: str) -> ClaimCheck:
        """Make the body available to whoever presents its claim check; returns when it is durable."""
        if self._pending:
            await self._store_part()
        check = ClaimCheck(self._id, self.sha256, self._size, media_type, self._request_key)
        manifest = str(self._parts).encode()
        row = _claim_row(check, self._expires_at, self._sealer.seal(manifest, _claim_aad(self._id)))
        row["parts"] = self._parts
        await self._store.write(lambda connection: connection.execute(insert(claims), row))
        self.is_complete = True
        return check

    async def discard(self) -> None:
        """Delete what was added."""
        gone = delete(claim_parts).where(claim_parts.c.claim_id == self._id)
        await self._store.write(lambda connection: connection.execute(gone))

    async def _store_part(self) -> None:
        part = b"".join(self._pending)
        row = {
            "claim_id": self._id,
            "number": self._parts,
            "expires_at": self._expires_at,
            "sealed": self._sealer.seal(part, _part_aad(self._id, self._parts), compress=False),
        }
        self._pending, self._pending_bytes = [], 0
        self._parts += 1
        await self._store.write(lambda connection: connection.execute(insert(claim_parts), row))


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
        await self._store.write(await self.sealed(answer))

    async def sealed(self, answer: KeptAnswer) -> LedgerStep[None]:
        """A step that keeps an answer, which is encrypted already: for a transaction that does more."""
        expires_at = answer.received_at + self._keep_answers
        row = {
            "sha256": answer.sha256,
            "size": len(answer.body),
            "received_at": answer.received_at,
            "expires_at": expires_at,
            "request_key": answer.request_key,
            "interaction": answer.interaction,
            "practice_ods": answer.practice_ods,
            "trace_id": answer.trace_id,
        }
        bodies = []
        if self._keep_answers > timedelta(0):
            sealed = await self._seal(answer.body, _answer_aad(answer.sha256))
            bodies.append({"sha256": answer.sha256, "expires_at": expires_at, "sealed": sealed})

        def step(connection: Connection) -> None:
            add_rows(connection, answers, [row], skip_known=False)
            add_rows(connection, answer_bodies, bodies, skip_known=False)

        return step

    async def open_answer(self, sha256: str) -> KeptAnswer:
        """The answer with this hash, the latest if it came more than once.

        Raises:
            NotKept: there is none (any more).
            KeyUnknown: the key that sealed it was removed.
            SealBroken: the database was changed.
        """
        now = datetime.now(UTC)
        kept = and_(answer_bodies.c.sha256 == sha256, answer_bodies.c.expires_at == answers.c.expires_at)
        sealed = func.coalesce(answer_bodies.c.sealed, answers.c.sealed)
        query = (
            select(*(column for column in answers.c if column.name != "sealed"), sealed.label("sealed"))
            .outerjoin(answer_bodies, kept)
            .where(answers.c.sha256 == sha256, answers.c.expires_at > now, sealed.is_not(None))
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
        row = _claim_row(check, expires_at, self._sealer.seal(b"1", _claim_aad(check.id))) | {"parts": 1}
        part = {
            "claim_id": check.id,
            "number": 0,
            "expires_at": expires_at,
            "sealed": await self._seal(body, _part_aad(check.id, 0)),
        }

        def step(connection: Connection) -> None:
            connection.execute(insert(claim_parts), part)
            connection.execute(insert(claims), row)

        await self._store.write(step)
        return check

    def deposit(self, expires_at: datetime, *, request_key: str | None = None) -> Deposit:
        """Begin to keep a body that comes in pieces, for whoever presents its claim check."""
        return Deposit(self._store, self._sealer, expires_at, request_key)

    async def open_claim(self, claim_id: str) -> tuple[ClaimCheck, AsyncIterator[bytes]]:
        """What was left under this id: what it is, and its bytes, which are opened as they are asked for.

        The iterator raises `SealBroken`, `KeyUnknown` and `LedgerUnavailable` where it comes to a part that
        cannot be opened.

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
        check = ClaimCheck(row.id, row.sha256, row.size, row.media_type, row.request_key)
        body = await self._open(row.sealed, _claim_aad(claim_id))
        if row.parts is None:
            return check, _at_once(body)
        if body != str(row.parts).encode():
            raise SealBroken("not as many parts as were sealed")
        return check, self._parts_of(claim_id, row.parts, row.expires_at)

    async def _parts_of(self, claim_id: str, parts: int, expires_at: datetime) -> AsyncIterator[bytes]:
        for number in range(parts):
            query = select(claim_parts.c.sealed).where(
                claim_parts.c.claim_id == claim_id,
                claim_parts.c.number == number,
                claim_parts.c.expires_at == expires_at,
            )
            # Bound now: the step runs in another thread.
            sealed = await self._store.read(partial(_one_value, query))
            if sealed is None:
                raise SealBroken("a part is missing")
            yield await self._open(sealed, _part_aad(claim_id, number))

    async def prune(self, now: datetime, *, facts_before: datetime) -> PrunedBodies:
        """Delete the bodies whose time is over, and what is known about bodies from before `facts_before`.

        A few at a time, so that requests are not held up. `Ledger.prune`, run next, gives the space back.
        """
        dropped = await partitions.drop_over(self._store, {"answer_bodies": now, "claim_parts": now})
        await self._delete_over(claim_parts, claim_parts.c.id, now)
        return PrunedBodies(
            answers=await self._delete_over(answer_bodies, answer_bodies.c.expires_at, now)
            + await self._drop_bodies(answers, now),
            claims=await self._drop_bodies(claims, now),
            metadata=await self._forget(answers, answers.c.received_at, facts_before, now)
            + await self._forget(claims, claims.c.created_at, facts_before, now),
            partitions=len(dropped),
        )

    async def _delete_over(self, table: Table, column: Column[Any], now: datetime) -> int:
        is_over = table.c.expires_at <= now
        some = select(column).where(is_over).limit(_PRUNED_AT_ONCE)
        return await self._in_portions(delete(table).where(column.in_(some), is_over))

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
        if len(body) <= SEALED_IN_THE_LOOP:
            return self._sealer.seal(body, aad)
        return await asyncio.to_thread(self._sealer.seal, body, aad)

    async def _open(self, sealed: bytes, aad: bytes) -> bytes:
        if len(sealed) < _OPENED_AWAY:
            return self._sealer.open(sealed, aad)
        return await asyncio.to_thread(self._sealer.open, sealed, aad)


def _facts(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in AnswerFacts.__dataclass_fields__}


def _claim_row(check: ClaimCheck, expires_at: datetime, sealed: bytes) -> dict[str, Any]:
    return {
        "id": check.id,
        "sha256": check.sha256,
        "size": check.size,
        "media_type": check.media_type,
        "created_at": datetime.now(UTC),
        "expires_at": expires_at,
        "request_key": check.request_key,
        "sealed": sealed,
    }


async def _at_once(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _one_value(query: Select[bytes], connection: Connection) -> bytes | None:
    found: bytes | None = connection.scalar(query)
    return found


def _answer_aad(sha256: str) -> bytes:
    return f"answer:{sha256}".encode()


def _claim_aad(claim_id: str) -> bytes:
    return f"claim:{claim_id}".encode()


def _part_aad(claim_id: str, number: int) -> bytes:
    return f"claim:{claim_id}:{number}".encode()
