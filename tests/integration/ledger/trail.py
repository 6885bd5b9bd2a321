"""What the tests of audit trail and vault share: a trail in a migrated ledger, and what an intruder does to it."""

import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Executable, text

from bridge.ledger.audit.chain import fetch
from bridge.ledger.audit.trail import Actor, AuditTrail, Entry
from bridge.ledger.keys import KeyFile, create_ring
from bridge.ledger.storage.group_commit import write_now
from bridge.ledger.storage.store import Store
from bridge.ledger.vault.aes_gcm import AesGcmSealer
from bridge.ledger.vault.vault import ClaimCheck, Vault

NHS_NUMBER = "9990000018"
PATIENT_KEY = "0123456789abcdef0123456789abcdef"
PHARMACIST = Actor(
    user_id="u-77",
    name="Ms Ann Other",
    role="Hospital pharmacist",
    organisation="RXX",
    organisation_name="A hospital",
    sds_user_id="123456789012",
    sds_role_profile_id="210987654321",
    device="ward-7",
)
OFFICER = Actor(user_id="ig-1", name="Mr Sam Ple", role="Information governance lead", organisation="RXX")


def entry(number: int = 1, **other: Any) -> Entry:
    facts: dict[str, Any] = {
        "event": "record.requested",
        "outcome": "completed",
        "actor": PHARMACIST,
        "patient_key": PATIENT_KEY,
        "nhs_number": NHS_NUMBER,
        "request_key": f"/epr r-{number}",
        "correlation_id": f"c-{number}",
        "practice_ods": "A12345",
        "interaction": "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1",
        "trace_ids": (f"t-{number}-1", f"t-{number}-2"),
        "consumer_asid": "200000000359",
        "provider_asid": "200000000360",
    }
    return Entry(**facts | other)


class Site:
    """A ledger's store with the two key rings beside it."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        folder.mkdir(exist_ok=True)
        self.vault_keys, self.audit_keys = folder / "vault.keys", folder / "audit.keys"
        create_ring(self.vault_keys)
        create_ring(self.audit_keys)
        self.sealer = AesGcmSealer(KeyFile(self.vault_keys, "V", look_every=0))
        self.trail = self.another_trail()

    def another_trail(self) -> AuditTrail:
        """The trail as another worker has it."""
        return self.trail_that_misses_requests_for(timedelta(0))

    def trail_that_misses_requests_for(self, kept_for: timedelta | None) -> AuditTrail:
        """The trail of a ledger that keeps requests so long; for no time: entries may be of none that it holds."""
        keys = KeyFile(self.audit_keys, "A", look_every=0)
        return AuditTrail(self.store, keys, self.sealer, requests_kept_for=kept_for)

    async def fill(self, count: int) -> None:
        """Append so many entries in one transaction, to every chain."""

        def step(connection: Connection) -> None:
            for number in range(count):
                self.trail.append(connection, entry(number))
                write_now(connection)  # the next one takes another chain, where there are several

        await self.store.write(step)

    async def rows(self, query: str) -> Sequence[dict[str, Any]]:
        """What a statement of SQL finds."""
        return await self.store.read(
            lambda connection: [dict(row) for row in connection.execute(text(query)).mappings()]
        )

    async def whole(self, table: Any) -> Sequence[dict[str, Any]]:
        return await self.store.read(fetch(table.select()))

    async def everything(self) -> str:
        """Every value of every table, as text: what somebody who may read the database sees."""
        names = await self.rows(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
            if self.is_sqlite
            else "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
        )
        return "\n".join([str([await self.rows(f"SELECT * FROM {row['name']}") for row in names])])

    @property
    def is_sqlite(self) -> bool:
        return type(self.store).__name__ == "SqliteStore"

    async def intrude(self, *statements: str | Executable, **values: Any) -> None:
        """Run SQL as somebody with all rights in the database would: past the triggers."""

        def step(connection: Connection) -> None:
            _lift_triggers(connection)
            for statement in statements:
                if isinstance(statement, str):
                    used = {name: values[name] for name in re.findall(r":(\w+)", statement)}
                    connection.execute(text(statement), used)
                else:
                    connection.execute(statement)

        await self.store.write(step)


def _lift_triggers(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        for table in ("audit_entries", "audit_heads"):
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        return
    triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'audit_%'"
    for name in connection.scalars(text(triggers)).all():
        connection.execute(text(f"DROP TRIGGER {name}"))


async def opened(vault: Vault, claim_id: str) -> tuple[ClaimCheck, bytes]:
    """What was left under a claim check, whole."""
    check, data = await vault.open_claim(claim_id)
    return check, b"".join([part async for part in data])
