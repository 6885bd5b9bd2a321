"""Whether the audit trail is whole: reads every entry, and names the sequence numbers where it is not."""

import hmac
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, get_args

import orjson
from sqlalchemy import Connection, exists, func, select

from bridge.ledger.audit.chain import (
    CHAINS,
    FIRST_PREVIOUS,
    MAX_TEXT,
    Head,
    entries,
    entry_mac,
    fetch,
    heads,
    is_sealed,
)
from bridge.ledger.keys import KeyRing, KeyUnknown
from bridge.ledger.model import EndState
from bridge.ledger.storage.store import Progress, Store, untold
from bridge.ledger.storage.tables import requests

_PAGE: Final = 500
_NAMED: Final = 20
FORGOTTEN: Final = "requests.forgotten"
"""Event of the entry that is written before requests are erased whose time is over."""
ENDED_BEFORE: Final = "ended_before"
"""Its fact: the moment before which they had ended (ISO 8601)."""
_SLACK: Final = timedelta(days=1)
"""An entry is stamped a moment after its request has ended, perhaps by another clock."""

FindingKind = Literal[
    "changed",  # the entry, or its place, is not what was written; or it was never written by this engine
    "unlinked",  # the entry is genuine, and the one before is not the one it followed
    "missing",  # entries are gone from the middle
    "cut_head",  # entries are gone from the start
    "cut_tail",  # entries are gone from the end
    "forged",  # an entry where none can be: after the head, or in a chain that does not exist
    "head_changed",  # the head of the chain is not as it was left
    "head_missing",  # the chain has lost its head
    "put_back",  # a head noted earlier is not on it: the chain was put back to an earlier state
    "key_unknown",  # the key is not in the ring, so it cannot be told
    "resumed",  # genuine: here the trail was resumed after tampering was found
]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be, from sequence number `first` to `last` of a chain."""

    kind: FindingKind
    chain: int
    first: int
    last: int

    def __str__(self) -> str:
        where = f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"
        return f"{self.kind} lane {self.chain} sequence {where}"


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Requests that only one of ledger and trail knows, where both are written at once.

    Attributes:
        kind: ``unrecorded``: the ledger has its end and the trail does not: the trail was wiped or put back,
            or somebody wrote to the ledger. ``unheld``: the trail has entries of it and the ledger, which
            forgets none so young, does not hold it: somebody deleted it there.
        count: how many.
        request_keys: of the oldest.
    """

    kind: Literal["unrecorded", "unheld"]
    count: int
    request_keys: Sequence[str]
    chain: None = None

    def __str__(self) -> str:
        more = ", ..." if self.count > len(self.request_keys) else ""
        return f"{self.kind} {self.count} requests: {', '.join(self.request_keys)}{more}"


async def verify(
    store: Store,
    ring: KeyRing,
    known: Sequence[Head] = (),
    *,
    kept_for: timedelta | None = None,
    progress: Progress = untold,
) -> list[Finding | Unmatched]:
    """Check the whole trail, while it is being written to; empty when it is whole. Writes nothing.

    Args:
        store: the ledger's database.
        ring: the audit keys, old ones included.
        known: heads that were noted outside the database earlier.
        kept_for: how long the ledger keeps a request that has ended; None: for ever. One that is no fault to
            have been erased is older than that, or than what the trail itself says was erased.
        progress: told now and then how many entries were checked, of how many.
    """
    findings: list[Finding | Unmatched] = []
    ends = await store.read(_ends)
    checked, total = 0, sum(end.last for end in ends)
    for end in ends:
        if not end.exists:
            findings.append(Finding("forged", end.chain, 1, end.last))
            continue
        walk = _Walk(end.chain, ring, [noted for noted in known if noted.chain == end.chain])
        # What is appended while this runs lies after both, and is left for the next time.
        async for row in _rows(store, end.chain, max(end.last, end.head["sequence"] if end.head else 0)):
            walk.step(row)
            checked += 1
            if not checked % _PAGE:
                progress(checked, total)
        findings += walk.end(end.head)
    for compare in (_unrecorded, lambda connection: _unheld(connection, kept_for)):
        unmatched = await store.read(compare)
        if unmatched.count:
            findings.append(unmatched)
    return findings


def _unrecorded(connection: Connection) -> Unmatched:
    entry = exists().where(
        entries.c.request_key == func.substr(requests.c.request_key, 1, MAX_TEXT),
        entries.c.outcome == requests.c.state,
    )
    lacking = requests.c.state.in_(get_args(EndState)) & ~entry
    count = connection.scalar(select(func.count()).select_from(requests).where(lacking)) or 0
    named = select(requests.c.request_key).where(lacking).order_by(requests.c.id).limit(_NAMED)
    return Unmatched("unrecorded", count, connection.scalars(named).all() if count else ())


def _unheld(connection: Connection, kept_for: timedelta | None) -> Unmatched:
    """By its first entry, because others may come after its end: who looked at the answer, who found out."""
    key, first = entries.c.request_key, func.min(entries.c.recorded_at)
    held = exists().where(requests.c.request_key == key)
    # A key that had to be cut is nobody's.
    unheld = select(key).where(key.is_not(None), func.length(key) < MAX_TEXT, ~held).group_by(key)
    erased = _erased_before(connection, kept_for)
    if erased is not None:
        unheld = unheld.having(first >= erased + _SLACK)
    count = connection.scalar(select(func.count()).select_from(unheld.subquery())) or 0
    named = unheld.order_by(first, key).limit(_NAMED)
    return Unmatched("unheld", count, connection.scalars(named).all() if count else ())


def _erased_before(connection: Connection, kept_for: timedelta | None) -> datetime | None:
    """When requests may have ended that were erased: by today's setting, or by the trail under another."""
    noted = connection.scalars(select(entries.c.details).where(entries.c.event == FORGOTTEN))
    moments = [datetime.fromisoformat(orjson.loads(details)["facts"][ENDED_BEFORE]) for details in noted]
    if kept_for is not None:
        moments.append(datetime.now(UTC) - kept_for)
    return max(moments, default=None)


@dataclass(frozen=True, slots=True)
class _End:
    """A chain's head and last sequence number, as they were at one moment."""

    chain: int
    head: Mapping[str, Any] | None
    last: int
    exists: bool


def _ends(connection: Connection) -> list[_End]:
    tail = select(func.max(entries.c.sequence)).where(entries.c.lane == heads.c.lane).scalar_subquery()
    found = {row["lane"]: row for row in fetch(select(heads, tail.label("last")))(connection)}
    tails = select(entries.c.lane, func.max(entries.c.sequence)).group_by(entries.c.lane)
    last = {chain: sequence for chain, sequence in connection.execute(tails)}  # noqa: C416 - typed so
    last |= {chain: head["last"] or 0 for chain, head in found.items()}  # of the same moment as the head
    chains = range(CHAINS[connection.dialect.name])
    return [
        _End(chain, found.get(chain), last.get(chain, 0), chain in chains)
        for chain in sorted({*chains, *last})
    ]


async def _rows(store: Store, chain: int, last: int) -> AsyncIterator[Mapping[str, Any]]:
    after: int | None = None
    while True:
        page = select(entries).where(entries.c.lane == chain, entries.c.sequence <= last)
        if after is not None:
            page = page.where(entries.c.sequence > after)
        page = page.order_by(entries.c.sequence).limit(_PAGE)
        rows = await store.read(fetch(page))
        for row in rows:
            yield row
        if len(rows) < _PAGE:
            return
        *_, last_row = rows
        after = last_row["sequence"]


class _Walk:
    """Goes along one chain."""

    def __init__(self, chain: int, ring: KeyRing, known: Sequence[Head]) -> None:
        self._chain = chain
        self._ring = ring
        self._known = {noted.sequence: noted for noted in known if noted.sequence}
        self._expected = 1
        self._previous: bytes | None = FIRST_PREVIOUS  # None: the entry before cannot be relied upon
        self._last_sequence = 0
        self._last_mac = FIRST_PREVIOUS
        self._findings: list[Finding] = []

    def step(self, row: Mapping[str, Any]) -> None:
        sequence = row["sequence"]
        if sequence < self._expected:
            self._find("forged", sequence)
            return
        if sequence > self._expected:
            self._find("cut_head" if self._expected == 1 else "missing", self._expected, sequence - 1)
            self._previous = None
        kind = self._judge(row)
        if kind is not None:
            self._find(kind, sequence)
        noted = self._known.pop(sequence, None)
        if noted is not None and not hmac.compare_digest(noted.mac, row["mac"]):
            self._find("put_back", sequence)
        self._previous = row["mac"] if kind in (None, "unlinked", "resumed") else None
        self._last_sequence, self._last_mac = sequence, row["mac"]
        self._expected = sequence + 1

    def _judge(self, row: Mapping[str, Any]) -> FindingKind | None:
        try:
            genuine = hmac.compare_digest(row["mac"], entry_mac(self._ring, row))
        except KeyUnknown:
            return "key_unknown"
        if not genuine:
            return "changed"
        if row["event"] == "audit.resumed":
            return "resumed"
        if self._previous is not None and row["previous"] != self._previous:
            return "unlinked"
        return None

    def end(self, head: Mapping[str, Any] | None) -> list[Finding]:
        """What was found on the way, and at the end."""
        if head is None:
            self._find("head_missing", self._last_sequence)
        else:
            self._end_at(head)
        for sequence in self._known:
            self._find("put_back", sequence)
        return self._findings

    def _end_at(self, head: Mapping[str, Any]) -> None:
        sequence = self._last_sequence
        try:
            sealed = is_sealed(self._ring, head)
        except KeyUnknown:
            self._find("key_unknown", head["sequence"])
            return
        if not sealed:
            self._find("head_changed", head["sequence"])
        elif sequence > head["sequence"]:
            self._find("forged", head["sequence"] + 1, sequence)
        elif sequence < head["sequence"]:
            self._find("cut_tail", sequence + 1, head["sequence"])
        elif self._previous is not None and head["mac"] != self._last_mac:
            self._find("unlinked", sequence)

    def _find(self, kind: FindingKind, first: int, last: int | None = None) -> None:
        self._findings.append(Finding(kind, self._chain, first, first if last is None else last))
