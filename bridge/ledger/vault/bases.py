"""What the next answer about a patient is compared with: one for each patient, sealed, for its time.

It is changed in the transaction that ends a request, and only by whoever read it as it still is: so what is
told of changes follows from what was told before, however many requests about a patient end at once.
"""

import secrets
from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    Column,
    Connection,
    LargeBinary,
    Table,
    Text,
    bindparam,
    delete,
    select,
    update,
)

from bridge.ledger.errors import BaseMoved
from bridge.ledger.keys import KeyUnknown, SealBroken
from bridge.ledger.model import NewBase
from bridge.ledger.storage.dialects import ByDialect
from bridge.ledger.storage.metadata import Instant, metadata
from bridge.ledger.storage.prepared import Prepared
from bridge.ledger.storage.store import LedgerStep, Store
from bridge.ledger.vault.sealing import Sealer
from bridge.values import dataclass

_PRUNED_AT_ONCE: Final = 200

bases = Table(
    "change_bases",
    metadata,
    Column("patient_key", Text, primary_key=True),
    Column("token", Text, nullable=False),
    Column("kept_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
)
"""`token` is another one each time that it is changed."""

_FIND: Final = select(bases).where(bases.c.patient_key == bindparam("patient"))
_NEW: Final[dict[str, BindParameter[Any]]] = {
    "token": bindparam("new_token"),
    "kept_at": bindparam("now"),
    "expires_at": bindparam("until"),
    "sealed": bindparam("body"),
}
_ADD: Final = ByDialect(
    lambda dialect: Prepared(
        dialect.insert(bases).values(patient_key=bindparam("patient"), **_NEW).on_conflict_do_nothing()
    )
)
_REPLACE: Final = Prepared(
    update(bases)
    .where(bases.c.patient_key == bindparam("patient"), bases.c.token == bindparam("read"))
    .values(_NEW)
)


@dataclass(frozen=True, slots=True)
class KeptBase:
    """What was found of a patient.

    Attributes:
        token: as it was then; None: there was nothing.
        body: None when there was nothing, or its time is over.
        fault: why it cannot be opened.
    """

    token: str | None = None
    body: bytes | None = field(default=None, repr=False)
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class SealedBase:
    """What is kept of a patient from now on, as it rests in the database."""

    new: NewBase
    sealed: bytes = field(repr=False)


class ChangeBases:
    """Those of one ledger.

    Args:
        store: the ledger's database.
        sealer: what encrypts.
    """

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self._store = store
        self._sealer = sealer

    async def last(self, patient_key: str) -> KeptBase:
        """What is kept of a patient."""
        row = await self._store.read(
            lambda connection: connection.execute(_FIND, {"patient": patient_key}).one_or_none()
        )
        if row is None:
            return KeptBase()
        if row.expires_at <= datetime.now(UTC):
            return KeptBase(row.token)
        try:
            return KeptBase(row.token, self._sealer.open(row.sealed, _aad(patient_key)))
        except (KeyUnknown, SealBroken) as fault:
            # A key may be taken out of the ring before what it sealed is over: changes are told anew then.
            return KeptBase(row.token, fault=type(fault).__name__)

    async def erase(self, patient_key: str, *, also: LedgerStep[object]) -> bool:
        """Delete what is kept of a patient; whether there was anything. `also` is in the same transaction."""

        def step(connection: Connection) -> bool:
            gone = connection.execute(delete(bases).where(bases.c.patient_key == patient_key)).rowcount
            also(connection)
            return gone > 0

        return await self._store.write(step)

    async def prune(self, now: datetime) -> int:
        """Delete what has been kept for long enough, a little at a time; how many there were."""
        over = select(bases.c.patient_key).where(bases.c.expires_at <= now).limit(_PRUNED_AT_ONCE)
        gone = delete(bases).where(bases.c.patient_key.in_(over), bases.c.expires_at <= now)
        total = 0
        while found := await self._store.write(lambda connection: connection.execute(gone).rowcount):
            total += found
        return total


def seal_base(sealer: Sealer, new: NewBase) -> SealedBase:
    """Seal what is to be kept, bound to its patient."""
    return SealedBase(new, sealer.seal(new.body, _aad(new.patient_key)))


def keep_base(connection: Connection, base: SealedBase, *, now: datetime, keep: timedelta) -> None:
    """Replace what is kept of a patient.

    Raises:
        BaseMoved: it is not what this one was made from any more.
    """
    new = base.new
    values = {
        "patient": new.patient_key,
        "new_token": secrets.token_hex(8),
        "now": now,
        "until": now + keep,
        "body": base.sealed,
    }
    if new.read_as is None:
        result = _ADD[connection.dialect.name].run(connection, values)
    else:
        result = _REPLACE.run(connection, values | {"read": new.read_as})
    if result.rowcount != 1:
        raise BaseMoved


def _aad(patient_key: str) -> bytes:
    return f"base:{patient_key}".encode()
