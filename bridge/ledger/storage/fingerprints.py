"""Which keys a ledger is kept with, by their fingerprints: a worker with others must not touch it.

What one worker seals another must open; entries of one trail are checked with one ring; a patient has one
key. A fingerprint is an HMAC under the key itself and says nothing of it. Of a ring, the key that seals what
is new is noted as in use: every worker must hold it. Older ones may be taken out, with what they sealed.
"""

import hmac
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Boolean, Column, Connection, Table, Text, delete, insert, select, text, update

from bridge.ledger.keys import KeyRing, Keys
from bridge.ledger.storage.metadata import metadata
from bridge.ledger.storage.store import LedgerStep
from bridge.values import dataclass

_LABEL: Final = b"gpconnect-bridge key fingerprint 1\n"
_LOCK: Final = 0x6770_6C65_6467_6B65
"""Names the advisory lock that workers that start together wait on (the ASCII of ``gpledgke``)."""
_SITE: Final = "site"

fingerprints = Table(
    "key_fingerprints",
    metadata,
    Column("purpose", Text, primary_key=True),  # as operators know the key: the name of its setting
    Column("key_id", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("in_use", Boolean, nullable=False),
)


@dataclass(frozen=True, slots=True)
class HeldKeys:
    """The keys that a worker holds for one purpose: fingerprints by id, and the id of the one in use."""

    in_use: str
    known: Mapping[str, str]


def held_by(keys: Keys, patient_key: str) -> Mapping[str, HeldKeys]:
    """The keys of a worker by the name of their setting."""
    return {
        "BRIDGE_PATIENT_KEY": HeldKeys(_SITE, {_SITE: _fingerprint(patient_key.encode())}),
        "BRIDGE_VAULT_KEYS_FILE": _of_ring(keys.vault.ring),
        "BRIDGE_AUDIT_KEYS_FILE": _of_ring(keys.audit.ring),
    }


def compare(connection: Connection, held: Mapping[str, HeldKeys]) -> Sequence[str]:
    """A step: what is wrong with these keys for this ledger; when nothing is, they are noted."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    rows = connection.execute(select(fingerprints)).all()
    problems = []
    for purpose, mine in held.items():
        theirs = {row.key_id: row.fingerprint for row in rows if row.purpose == purpose}
        problems += [
            f"{purpose}: key {key_id!r} is not the key of that name that this ledger is kept with"
            for key_id in sorted(mine.known.keys() & theirs.keys())
            if not hmac.compare_digest(mine.known[key_id], theirs[key_id])
        ]
        problems += [
            f"{purpose}: lacks key {row.key_id!r}, which this ledger is kept with"
            for row in rows
            if row.purpose == purpose and row.in_use and row.key_id not in mine.known
        ]
    if not problems:
        for purpose, mine in held.items():
            _note(connection, purpose, mine, {row.key_id for row in rows if row.purpose == purpose})
    return problems


def forgetting(*, also: LedgerStep[object]) -> LedgerStep[None]:
    """The step after which the ledger takes the keys of the next worker that starts, whatever they are.

    Args:
        also: runs in the same transaction: the entry in the audit trail.
    """

    def step(connection: Connection) -> None:
        connection.execute(delete(fingerprints))
        also(connection)

    return step


def _note(connection: Connection, purpose: str, mine: HeldKeys, known: set[str]) -> None:
    for key_id in mine.known.keys() - known:
        new = {"purpose": purpose, "key_id": key_id, "fingerprint": mine.known[key_id], "in_use": False}
        connection.execute(insert(fingerprints).values(new))
    connection.execute(
        update(fingerprints)
        .where(fingerprints.c.purpose == purpose)
        .values(in_use=fingerprints.c.key_id == mine.in_use)
    )


def _of_ring(ring: KeyRing) -> HeldKeys:
    return HeldKeys(ring.current, {key_id: _fingerprint(ring.key(key_id)) for key_id in ring.ids})


def _fingerprint(key: bytes) -> str:
    return hmac.digest(key, _LABEL, "sha256").hex()[:32]
