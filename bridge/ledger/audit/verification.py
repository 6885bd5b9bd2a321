"""Whether the audit trail is whole: reads every entry, and names the sequence numbers where it is not.

It goes through entries and requests so many at a time, each part in a short step of its own, so that it takes
as long for each in a trail of any size, and holds up nobody. Whether ledger and trail know the same requests
is looked at in `bridge.ledger.audit.matching`.
"""

import hmac
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import Connection, func, select

from bridge.ledger.audit.chain import (
    CHAINS,
    FIRST_PREVIOUS,
    Head,
    entries,
    entry_mac,
    fetch,
    heads,
    is_sealed,
)
from bridge.ledger.audit.matching import FORGOTTEN, Unmatched, erased_before, unheld, unrecorded
from bridge.ledger.keys import KeyRing, KeyUnknown
from bridge.ledger.storage import balance
from bridge.ledger.storage.store import Progress, Store, untold
from bridge.values import dataclass

_PAGE: Final = 500

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
        progress: told now and then how many entries and requests were looked at, of how many.
    """
    findings: list[Finding | Unmatched] = []
    ends = await store.read(_ends)
    trail = sum(end.last for end in ends)
    told = _ProgressTold(progress, 2 * trail + await store.read(balance.size))
    erased = None if kept_for is None else datetime.now(UTC) - kept_for
    for end in ends:
        if not end.exists:
            findings.append(Finding("forged", end.chain, 1, end.last))
            continue
        walk = _Walk(end.chain, ring, [noted for noted in known if noted.chain == end.chain])
        # What is appended while this runs lies after both, and is left for the next time.
        async for row in _rows(store, end.chain, max(end.last, end.head["sequence"] if end.head else 0)):
            walk.step(row)
            told.one_more()
        findings += walk.end(end.head)
        erased = _later(erased, walk.erased_before)
    compared = [await unrecorded(store, told.beside(trail))]
    gone = await unheld(store, erased, told.beside(told.total - trail))
    if gone.count:
        # Requests may have been erased meanwhile, which the trail says.
        since = await _erased_since(store, ring, ends)
        gone = await unheld(store, _later(erased, since), untold)
    return findings + [unmatched for unmatched in (*compared, gone) if unmatched.count]


class _ProgressTold:
    """How far a check is: entries, then requests, then the keys in entries."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._entries = 0
        self.total = total

    def one_more(self) -> None:
        """An entry was checked."""
        self._entries += 1
        if not self._entries % _PAGE:
            self._progress(self._entries, self.total)

    def beside(self, done: int) -> Progress:
        """Of a part that begins when so much is done."""
        return lambda more, _of: self._progress(min(done + more, self.total), self.total)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)


async def _erased_since(store: Store, ring: KeyRing, ends: Sequence["_End"]) -> datetime | None:
    """Before when requests had ended that were erased after these ends of the chains, as the trail says."""
    erased = None
    for end in ends:
        after = [entries.c.lane == end.chain, entries.c.sequence > end.last, entries.c.event == FORGOTTEN]
        for row in await store.read(fetch(select(entries).where(*after))):
            if _is_genuine(ring, row):
                erased = _later(erased, erased_before(row["details"]))
    return erased


def _is_genuine(ring: KeyRing, row: Mapping[str, Any]) -> bool:
    try:
        return hmac.compare_digest(row["mac"], entry_mac(ring, row))
    except KeyUnknown:
        return False


@dataclass(frozen=True, slots=True)
class _End:
    """A chain's head and last sequence number, as they were at one moment."""

    chain: int
    head: Mapping[str, Any] | None
    last: int
    exists: bool


def _ends(connection: Connection) -> list[_End]:
    found = {row["lane"]: row for row in fetch(select(heads))(connection)}
    chains = range(CHAINS[connection.dialect.name])
    return [
        _End(chain, found.get(chain), _last(connection, chain), chain in chains)
        for chain in sorted({*chains, *found, *_chains(connection)})
    ]


def _chains(connection: Connection) -> Iterator[int]:
    """The chains that have entries, each by one look into the index."""
    chain = connection.scalar(select(func.min(entries.c.lane)))
    while chain is not None:
        yield chain
        chain = connection.scalar(select(func.min(entries.c.lane)).where(entries.c.lane > chain))


def _last(connection: Connection, chain: int) -> int:
    last = select(func.max(entries.c.sequence)).where(entries.c.lane == chain)
    return connection.scalar(last) or 0


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
        self.erased_before: datetime | None = None

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
        if row["event"] == FORGOTTEN and kind in (None, "unlinked"):
            self.erased_before = _later(self.erased_before, erased_before(row["details"]))
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
