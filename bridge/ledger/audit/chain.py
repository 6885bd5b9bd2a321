"""The chain of the audit trail: what is in an entry, its canonical form, and the codes that seal it.

Entries stand in chains: sequence 1, 2, 3, and every entry names the code of the one before. PostgreSQL has
sixteen chains, so that workers that commit at the same time do not wait for one another: each takes one that
is free. SQLite has one writer at a time and one chain. The column is called ``lane``, in exports and findings
too.

An entry's code is an HMAC-SHA256, with a key of the audit ring, over every other column of its row. The
head of a chain (sequence and code of the last entry) is sealed the same way. Whoever has the database but
not the key can therefore neither change an entry, nor insert one, nor move one, nor remove one from the
start, the middle or the end without `bridge.ledger.audit.verification` naming the place. What no chain shows
by itself is a database put back whole to an earlier state, heads included: heads that were noted elsewhere
(they are logged when a worker starts) show that as well.
"""

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    LargeBinary,
    Select,
    SmallInteger,
    Table,
    Text,
)

from bridge.ledger.keys import KeyRing
from bridge.ledger.storage.metadata import Instant, metadata
from bridge.ledger.storage.store import LedgerStep
from bridge.values import dataclass

CHAINS: Final = {"sqlite": 1, "postgresql": 16}
MAX_TEXT: Final = 512
"""Characters of a text in an entry; what is longer is cut. Audit never fails over what it is told."""
FIRST_PREVIOUS: Final = bytes(32)
"""What the first entry of a chain names as the one before."""

_ENTRY: Final = b"gpconnect-bridge audit entry 1\n"
_HEAD: Final = b"gpconnect-bridge audit head 1\n"

entries = Table(
    "audit_entries",
    metadata,
    Column("lane", SmallInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False, index=True),
    Column("event", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("code", Text),
    Column("user_id", Text),
    Column("organisation", Text),
    Column("patient_key", Text),
    Column("patient", LargeBinary),
    Column("request_key", Text, index=True),
    Column("correlation_id", Text),
    Column("practice_ods", Text),
    Column("interaction", Text),
    Column("details", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Index(None, "patient_key", "recorded_at"),
)
"""One row per entry; triggers refuse to change or delete any (migration 0002). `patient` is the NHS number,
sealed by the vault; `details` is JSON of what is not searched for."""

heads = Table(
    "audit_heads",
    metadata,
    Column("lane", SmallInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("seal", LargeBinary, nullable=False),
)
"""The end of each chain; made once, then only ever moved forward."""


class Position(NamedTuple):
    """Where an entry stands: the sequence number counts from 1 in each chain."""

    chain: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain as it was at some time; noted elsewhere, it proves that much was there."""

    chain: int
    sequence: int
    mac: bytes

    def __str__(self) -> str:
        return f"{self.chain}:{self.sequence}:{self.mac.hex()}"

    @classmethod
    def parse(cls, text: str) -> "Head":
        """Read a head as it was noted, e.g. from a log line.

        Raises:
            ValueError: it is not one.
        """
        chain, sequence, mac = text.split(":")
        return cls(int(chain), int(sequence), bytes.fromhex(mac))


def fetch(query: Select[Any]) -> LedgerStep[Sequence[dict[str, Any]]]:
    """The step that gives the rows of a query, by column name."""

    def step(connection: Connection) -> list[dict[str, Any]]:
        result = connection.execute(query)
        names = [str(name) for name in result.keys()]  # noqa: SIM118 - a result is not a mapping of its keys
        return [dict(zip(names, row, strict=True)) for row in result]

    return step


def canonical(row: Mapping[str, Any]) -> bytes:
    """The columns of a row but its code, as bytes: equal for equal rows and different for different ones.

    JSON with sorted keys; moments in UTC to the microsecond, bytes in hexadecimal. It never changes: an
    entry is checked years after it was written.
    """
    return orjson.dumps(
        {name: _plain(value) for name, value in row.items() if name != "mac"}, option=orjson.OPT_SORT_KEYS
    )


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat(timespec="microseconds") if isinstance(value, datetime) else value


def entry_mac(ring: KeyRing, row: Mapping[str, Any]) -> bytes:
    """The code of an entry, under the key that its row names.

    Raises:
        KeyUnknown: that key is not in the ring.
    """
    return hmac.digest(ring.key(row["key_id"]), _ENTRY + canonical(row), "sha256")


def head_seal(ring: KeyRing, row: Mapping[str, Any]) -> bytes:
    """The seal of a chain's head, under the key that its row names.

    Raises:
        KeyUnknown: that key is not in the ring.
    """
    content = f"{row['lane']}:{row['sequence']}:{row['mac'].hex()}:{row['key_id']}".encode()
    return hmac.digest(ring.key(row["key_id"]), _HEAD + content, "sha256")


def sealed_head(ring: KeyRing, chain: int, sequence: int, mac: bytes) -> dict[str, Any]:
    """The row of a head, sealed with the current key."""
    row: dict[str, Any] = {"lane": chain, "sequence": sequence, "mac": mac, "key_id": ring.current}
    return row | {"seal": head_seal(ring, row)}


def is_sealed(ring: KeyRing, head: Mapping[str, Any]) -> bool:
    """Whether a head is as this engine left it.

    Raises:
        KeyUnknown: the key it names is not in the ring.
    """
    return hmac.compare_digest(head["seal"], head_seal(ring, head))
