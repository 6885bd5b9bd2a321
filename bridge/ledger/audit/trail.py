"""The audit trail: who asked about which patient, what was called, how it ended; for failures as well.

An entry is appended in the transaction that records the outcome, so neither exists without the other
(JO-024, CS-015). Entries are only ever added: see `bridge.ledger.audit.chain` for what holds them together
and `bridge.ledger.audit.verification` for what checks that. Nothing turns the trail off, and it is never
pruned: how long it is kept is the records policy of the deploying organisation.

An NHS number is stored sealed by the vault, with the key current at that time: a vault key must be kept for
as long as entries of its time may have to be opened. A key of the audit ring is never removed: without it
nothing tells whether the entries of its time are genuine.
"""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import field, fields
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

import orjson
from sqlalchemy import Connection, Select, bindparam, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from bridge.errors import BridgeError
from bridge.ledger.audit.chain import (
    CHAINS,
    FIRST_PREVIOUS,
    MAX_TEXT,
    Head,
    Position,
    entries,
    entry_mac,
    fetch,
    heads,
    is_sealed,
    sealed_head,
)
from bridge.ledger.audit.matching import ENDED_BEFORE, FORGOTTEN, Unmatched
from bridge.ledger.audit.verification import Finding, verify
from bridge.ledger.keys import KeyFile, KeyRing, KeyUnknown
from bridge.ledger.storage.group_commit import add_rows, commit_under_way, write_now
from bridge.ledger.storage.prepared import Prepared, Values
from bridge.ledger.storage.store import LedgerStep, Progress, Store, untold
from bridge.ledger.storage.tables import requests
from bridge.ledger.vault.sealing import Sealer
from bridge.observe import record
from bridge.observe.vocabulary.ledger import AuditFoundBroken, AuditHeads, AuditTrailBegun
from bridge.values import dataclass

_PAGE: Final = 500

_MOVE: Final = (
    update(heads)
    .where(heads.c.lane == bindparam("of_lane"))
    .values({name: bindparam(f"head_{name}") for name in ("sequence", "mac", "key_id", "seal")})
)
_EVIDENCE: Final = (heads, entries, requests)
"""What a ledger whose trail has not begun has none of."""
_HEADS: Final = Prepared(select(heads))
_ANY_FREE_CHAIN: Final = Prepared(select(heads).limit(1).with_for_update(skip_locked=True))
_ONE_CHAIN: Final = select(heads).with_for_update()


class AuditBroken(BridgeError):  # noqa: N818 - says what is so
    """The end of the trail is not as it was left: somebody changed the database. Nothing is built on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who asked, as that person was at the time (JO-026); as in the request, or of an operator."""

    user_id: str
    name: str
    role: str
    organisation: str
    """ODS code of the originating organisation."""
    organisation_name: str | None = None
    sds_user_id: str | None = None
    sds_role_profile_id: str | None = None
    authorised_by: str | None = None
    device: str | None = None


_ACTOR: Final = tuple(known.name for known in fields(Actor))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What happened. `None` where it is not known, as for a message that could not be read."""

    event: str
    """Kind of event, e.g. ``record.requested``."""
    outcome: str
    """How it ended, e.g. ``completed``, ``failed``, ``rejected``, ``in_doubt``."""
    code: str | None = None
    """Why it ended so, of the closed lists of codes."""
    actor: Actor | None = None
    patient_key: str | None = None
    """Keyed hash of the NHS number: finds the patient's entries and says nothing by itself."""
    nhs_number: str | None = field(default=None, repr=False)
    request_key: str | None = None
    correlation_id: str | None = None
    practice_ods: str | None = None
    interaction: str | None = None
    trace_ids: Sequence[str] = ()
    """``Ssp-TraceID`` of every call made, in order."""
    consumer_asid: str | None = None
    provider_asid: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    """Anything else worth knowing later: codes and counts, no patient data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditInquiry:
    """Who has NHS numbers opened, and why; becomes an entry of the trail itself."""

    actor: Actor
    reason: str


@dataclass(slots=True)
class _Tail:
    """The end of a chain in a transaction under way; the head is moved there when that ends."""

    statement: ClassVar = _MOVE
    keys: KeyFile
    chain: int
    sequence: int
    mac: bytes

    def values(self) -> Values:
        head = sealed_head(self.keys.ring, self.chain, self.sequence, self.mac)
        return {"of_lane": head.pop("lane")} | {f"head_{name}": value for name, value in head.items()}


class AuditTrail:
    """The trail in one ledger.

    Args:
        store: the ledger's database.
        keys: the audit key ring.
        sealer: seals NHS numbers.
        requests_kept_for: how long the ledger keeps what has ended; None: for ever. For `verify`.
    """

    def __init__(
        self, store: Store, keys: KeyFile, sealer: Sealer, *, requests_kept_for: timedelta | None = None
    ) -> None:
        self._store = store
        self._keys = keys
        self._sealer = sealer
        self._requests_kept_for = requests_kept_for
        self._looked_at: dict[int, tuple[KeyRing, Mapping[str, Any]]] = {}

    async def prepare(self) -> None:
        """Begin the trail in a new ledger, and note the heads in the log.

        A trail that lost its heads, or all of it in a ledger that has requests, is not begun again: that
        would hide the loss. Nothing is done then until an operator resumes it.
        """
        try:
            begun = await self._store.write(self._begin)
        except IntegrityError:  # another worker began it at the same time
            begun = False
        if begun:
            record(AuditTrailBegun())
        try:
            await self.look()
        except AuditBroken as fault:
            record(AuditFoundBroken(str(fault)))
        record(AuditHeads(tuple(str(head) for head in await self.heads() if head.sequence)))

    async def look(self) -> None:
        """Whether an entry could be added; see `check`."""
        await self._store.read(self.check)

    def _begin(self, connection: Connection) -> bool:
        if any(connection.execute(select(1).select_from(table).limit(1)).first() for table in _EVIDENCE):
            return False
        ring = self._keys.ring
        chains = range(CHAINS[connection.dialect.name])
        connection.execute(insert(heads), [sealed_head(ring, chain, 0, FIRST_PREVIOUS) for chain in chains])
        return True

    def check(self, connection: Connection) -> None:
        """A step: whether an entry could be added to any chain, before something is done that needs one.

        It reads the heads, sixteen at most, whatever the trail's length.

        Raises:
            AuditBroken: the trail was tampered with, or a key was taken out of the ring.
        """
        commit = commit_under_way(connection)
        if heads in commit.looked_at or heads in commit.at_end:
            return  # looked at in this transaction, and perhaps moved
        found = _HEADS.run(connection).rows
        if len(found) != CHAINS[connection.dialect.name]:
            raise AuditBroken("the audit trail has lost its heads")
        for head in found:
            if not self._is_as_left(head):
                raise AuditBroken(f"the head of audit chain {head['lane']} is not as it was left")
        commit.looked_at.add(heads)

    def append(self, connection: Connection, entry: Entry) -> Position:
        """Add an entry within the caller's transaction: last in it, because its chain is held until the end.

        Raises:
            AuditBroken: the trail was tampered with.
            KeyUnknown: the key that sealed the head was taken out of the ring.
        """
        known = commit_under_way(connection).at_end.get(heads)
        if isinstance(known, _Tail):  # an entry was added in this transaction already
            return self._add(connection, known, entry)
        head = self._take_chain(connection)
        if not is_sealed(self._keys.ring, head):
            # Going on would seal what an intruder left, and hide that anything was cut off.
            raise AuditBroken(f"the head of audit chain {head['lane']} is not as it was left")
        return self._add(connection, _Tail(self._keys, head["lane"], head["sequence"], head["mac"]), entry)

    def _take_chain(self, connection: Connection) -> Mapping[str, Any]:
        """The head of a chain, held until the transaction ends."""
        for free in _ANY_FREE_CHAIN.run(connection).rows:
            return free
        chain = secrets.randbelow(CHAINS[connection.dialect.name])
        head = next(iter(fetch(_ONE_CHAIN.where(heads.c.lane == chain))(connection)), None)
        if head is None:
            raise AuditBroken("the audit trail has lost its heads")
        return head

    def _add(self, connection: Connection, tail: _Tail, entry: Entry) -> Position:
        ring = self._keys.ring
        row = self._columns(entry) | {
            "lane": tail.chain,
            "sequence": tail.sequence + 1,
            "key_id": ring.current,
            "previous": tail.mac,
        }
        row["mac"] = entry_mac(ring, row)
        tail.sequence, tail.mac = row["sequence"], row["mac"]
        add_rows(connection, entries, [row], skip_known=False)
        commit_under_way(connection).at_end[heads] = tail
        return Position(tail.chain, tail.sequence)

    def _columns(self, entry: Entry) -> dict[str, Any]:
        identity = secrets.token_hex(16)
        actor = {name: getattr(entry.actor, name) for name in _ACTOR} if entry.actor else {}
        details = {
            "user": {name: _text(value) for name, value in actor.items() if value is not None},
            "trace_ids": [_text(trace_id) for trace_id in entry.trace_ids],
            "consumer_asid": _text(entry.consumer_asid),
            "provider_asid": _text(entry.provider_asid),
            "facts": {_text(name): _text(value) for name, value in entry.facts.items()},
        }
        sealed = (
            self._sealer.seal(entry.nhs_number.encode(), _aad(identity))
            if entry.nhs_number is not None
            else None
        )
        return {
            "id": identity,
            "recorded_at": datetime.now(UTC),
            "event": _text(entry.event),
            "outcome": _text(entry.outcome),
            "code": _text(entry.code),
            "user_id": _text(actor.get("user_id")),
            "organisation": _text(actor.get("organisation")),
            "patient_key": _text(entry.patient_key),
            "patient": sealed,
            "request_key": _text(entry.request_key),
            "correlation_id": _text(entry.correlation_id),
            "practice_ods": _text(entry.practice_ods),
            "interaction": _text(entry.interaction),
            "details": orjson.dumps({name: value for name, value in details.items() if value}).decode(),
        }

    def step(self, entry: Entry) -> LedgerStep[Position]:
        """The step that appends an entry: ``await ledger.finish(…, also=trail.step(entry))``."""
        return lambda connection: self.append(connection, entry)

    async def record(self, entry: Entry) -> Position:
        """Add an entry in a transaction of its own."""
        return await self._store.write(self.step(entry))

    async def heads(self) -> list[Head]:
        """The end of every chain now: noted elsewhere, proof against a database that is put back."""
        rows = await self._store.read(fetch(select(heads).order_by(heads.c.lane)))
        return [Head(row["lane"], row["sequence"], row["mac"]) for row in rows]

    async def verify(
        self, known: Sequence[Head] = (), *, progress: Progress = untold
    ) -> list[Finding | Unmatched]:
        """Check every entry and head, and that the ledger has the same requests; see `verification`."""
        return await verify(
            self._store, self._keys.ring, known, kept_for=self._requests_kept_for, progress=progress
        )

    async def note_forgotten(self, actor: Actor, ended_before: datetime) -> None:
        """Note that requests which ended before this moment are about to be erased: to miss one is no fault.

        Raises:
            AuditBroken: the trail takes no entry, so nothing may be erased.
        """
        facts = {ENDED_BEFORE: ended_before.isoformat()}
        await self.record(Entry(event=FORGOTTEN, outcome="completed", actor=actor, facts=facts))

    async def resume(self, actor: Actor, reason: str) -> list[Finding | Unmatched]:
        """Go on after tampering was found and investigated: what is found now, once more, and stays found.

        Chains whose head is not as it was left get an ``audit.resumed`` entry after the last that is known,
        which `verify` names from then on. Gaps stay gaps.
        """
        findings = await self.verify()
        facts = {"reason": reason, "findings": "; ".join(str(finding) for finding in findings)}
        entry = Entry(event="audit.resumed", outcome="completed", actor=actor, facts=facts)
        await self._store.write(lambda connection: self._resume(connection, entry))
        return findings

    def _resume(self, connection: Connection, entry: Entry) -> None:
        ring = self._keys.ring
        for chain in range(CHAINS[connection.dialect.name]):
            head = next(iter(fetch(_ONE_CHAIN.where(heads.c.lane == chain))(connection)), None)
            if head is not None and self._is_as_left(head):
                continue
            last = select(entries).where(entries.c.lane == chain).order_by(entries.c.sequence.desc()).limit(1)
            nothing: dict[str, Any] = {"sequence": 0, "mac": FIRST_PREVIOUS}
            tail = next(iter(fetch(last)(connection)), nothing)
            if head is None:
                connection.execute(insert(heads), sealed_head(ring, chain, tail["sequence"], tail["mac"]))
            elif head["sequence"] > tail["sequence"]:
                tail = head
            self._add(connection, _Tail(self._keys, chain, tail["sequence"], tail["mac"]), entry)
            write_now(connection)  # the next chain has a head of its own

    def _is_as_left(self, head: Mapping[str, Any]) -> bool:
        looked_at = self._keys.ring, head
        if self._looked_at.get(head["lane"]) == looked_at:
            return True  # every request looks at all heads, and few have moved
        try:
            if not is_sealed(self._keys.ring, head):
                return False
        except KeyUnknown:
            return False
        self._looked_at[head["lane"]] = looked_at
        return True

    async def export(
        self,
        since: datetime,
        until: datetime,
        patient_key: str | None = None,
        *,
        opened_for: AuditInquiry | None = None,
    ) -> AsyncIterator[dict[str, Any]]:
        """Entries from `since` up to `until`, oldest first, as JSON-ready dictionaries.

        With `opened_for` each carries its ``nhs_number``, or ``nhs_number_key`` when that vault key is gone;
        that they were opened, by whom and why, is in the trail before the first one is given.

        Raises:
            SealBroken: a sealed NHS number was changed; `verify` names the entry.
        """
        if opened_for is not None:
            facts = {"reason": opened_for.reason, "since": since.isoformat(), "until": until.isoformat()}
            await self.record(
                Entry(
                    event="audit.opened",
                    outcome="completed",
                    actor=opened_for.actor,
                    patient_key=patient_key,
                    facts=facts,
                )
            )
        async for row in self._rows(since, until, patient_key):
            yield _exported(row) | (self._opened(row) if opened_for is not None else {})

    async def _rows(
        self, since: datetime, until: datetime, patient_key: str | None
    ) -> AsyncIterator[Mapping[str, Any]]:
        order = tuple_(entries.c.recorded_at, entries.c.lane, entries.c.sequence)
        wanted = select(entries).where(entries.c.recorded_at >= since, entries.c.recorded_at < until)
        if patient_key is not None:
            wanted = wanted.where(entries.c.patient_key == patient_key)
        page: Select[Any] = wanted
        while True:
            rows = await self._store.read(fetch(page.order_by(*order).limit(_PAGE)))
            for row in rows:
                yield row
            if len(rows) < _PAGE:
                return
            *_, last = rows
            page = wanted.where(order > tuple_(last["recorded_at"], last["lane"], last["sequence"]))

    def _opened(self, row: Mapping[str, Any]) -> dict[str, Any]:
        if row["patient"] is None:
            return {"nhs_number": None}
        try:
            return {"nhs_number": self._sealer.open(row["patient"], _aad(row["id"])).decode()}
        except KeyUnknown as gone:
            return {"nhs_number": None, "nhs_number_key": gone.key_id}


def _aad(identity: str) -> bytes:
    return f"audit:{identity}".encode()


def _text(value: str | None) -> str | None:
    """What both databases and every later reader take: printable, and not too long."""
    if value is None or (len(value) <= MAX_TEXT and value.isprintable()):
        return value
    return "".join(char if char.isprintable() else "\ufffd" for char in value[:MAX_TEXT])


def _exported(row: Mapping[str, Any]) -> dict[str, Any]:
    hidden = {"patient", "previous", "details", "key_id"}
    shown = {name: value for name, value in row.items() if name not in hidden and value is not None}
    return shown | {
        "recorded_at": row["recorded_at"].isoformat(timespec="microseconds"),
        "mac": row["mac"].hex(),
        **orjson.loads(row["details"]),
    }
