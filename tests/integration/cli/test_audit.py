"""``bridge audit`` and ``bridge keys``: real commands on a real trail."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from bridge.engine.patient_keys import PatientKeys
from bridge.ledger.audit.trail import Actor, Entry
from bridge.ledger.keys import KeyFile
from bridge.operations.site import Stores
from tests.integration.ledger.site import opening
from tests.support.operators import Operator

NHS_NUMBER = "9990000018"
PHARMACIST = Actor(user_id="u-77", name="Ms Ann Other", role="Hospital pharmacist", organisation="RXX")
DAY = timedelta(days=1)


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path, "nats://127.0.0.1:1", "nobody")


async def fill(operator: Operator, count: int = 3) -> None:
    async with operator.stores() as stores:
        for number in range(count):
            await stores.ledger.begin(opening(number))
            await stores.trail.record(entry(operator, number))


def entry(operator: Operator, number: int) -> Entry:
    site_key = operator.environment["BRIDGE_PATIENT_KEY"]
    return Entry(
        event="record.requested.v1",
        outcome="completed",
        actor=PHARMACIST,
        patient_key=PatientKeys(site_key).of(NHS_NUMBER) if number == 0 else "00" * 16,
        nhs_number=NHS_NUMBER if number == 0 else None,
        request_key=f"/epr r-{number}",
    )


async def intrude(stores: Stores, *statements: str) -> None:
    """Change the database as somebody with all rights in it would."""

    def step(connection):
        for statement in statements:
            connection.execute(text(statement))

    await stores.ledger.store.write(step)


async def test_a_whole_trail_gives_its_heads(operator: Operator):
    await fill(operator)
    ended = await operator.run("audit", "verify")
    assert ended.code == 0, ended.errors
    [head] = ended.text.split()
    assert head.startswith("0:3:")


async def test_a_change_is_found(operator: Operator):
    await fill(operator)
    async with operator.stores() as stores:
        await intrude(
            stores,
            "DROP TRIGGER audit_entries_keep_update",
            "UPDATE audit_entries SET user_id = 'somebody else' WHERE sequence = 2",
        )
    ended = await operator.run("audit", "verify")
    assert (ended.code, ended.text) == (1, "changed lane 0 sequence 2\n")


async def test_a_request_that_was_deleted_from_the_ledger_is_found(operator: Operator):
    await fill(operator)
    async with operator.stores() as stores:
        await intrude(stores, "DELETE FROM requests WHERE request_key = '/epr r-1'")
    ended = await operator.run("audit", "verify")
    assert (ended.code, ended.text) == (1, "unheld 1 requests: /epr r-1\n")


async def test_heads_that_were_noted_show_a_database_that_was_put_back(operator: Operator):
    await fill(operator, 1)
    before = (operator.folder / "state" / "ledger.db").read_bytes()
    await fill(operator, 2)
    noted = operator.folder / "heads.txt"
    noted.write_text((await operator.run("audit", "verify")).text)
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (operator.folder / "state" / name).unlink(missing_ok=True)
    (operator.folder / "state" / "ledger.db").write_bytes(before)
    assert (await operator.run("audit", "verify")).code == 0
    ended = await operator.run("audit", "verify", "--known", noted)
    assert (ended.code, ended.text) == (1, "put_back lane 0 sequence 3\n")
    noted.write_text("no heads")
    assert (await operator.run("audit", "verify", "--known", noted)).code == 2


async def test_an_export_holds_no_nhs_number_unless_it_is_opened_with_a_reason(operator: Operator):
    await fill(operator)
    now = datetime.now(UTC)
    period = ("--since", (now - DAY).date().isoformat(), "--until", (now + DAY).isoformat())
    closed = await operator.run("audit", "export", *period)
    refused = await operator.run("audit", "export", *period, "--open")
    opened = await operator.run(
        "audit", "export", *period, "--open", "--reason", "case 12", "--actor", "Sam Ple"
    )
    assert closed.code == 0, closed.errors
    assert [json.loads(line)["request_key"] for line in closed.text.splitlines()] == [
        "/epr r-0",
        "/epr r-1",
        "/epr r-2",
    ]
    assert NHS_NUMBER not in closed.text
    assert (refused.code, refused.text) == (2, "")
    first, *_, last = [json.loads(line) for line in opened.text.splitlines()]
    assert first["nhs_number"] == NHS_NUMBER
    assert (last["event"], last["user"]["name"], last["facts"]["reason"]) == (
        "audit.opened",
        "Sam Ple",
        "case 12",
    )


async def test_one_patient_is_asked_for_on_standard_input(operator: Operator):
    await fill(operator)
    period = ("--since", "2026-01-01", "--until", "2100-01-01")
    found = await operator.run("audit", "export", *period, "--patient", given=b"999 000 0018\n")
    wrong = await operator.run("audit", "export", *period, "--patient", given=b"9990000019\n")
    assert [json.loads(line)["request_key"] for line in found.text.splitlines()] == ["/epr r-0"]
    assert (wrong.code, wrong.text) == (2, "")
    assert "9990000019" not in wrong.errors


async def test_a_ring_is_made_once_and_rotated(operator: Operator):
    ring = operator.folder / "vault.keys"
    first = await operator.run("keys", "new", ring)
    second = await operator.run("keys", "add", ring)
    third = await operator.run("keys", "add", "--last", ring)
    again = await operator.run("keys", "new", ring)
    assert KeyFile(ring, "V").ring.current == second.text.strip()
    ids = [line.partition(":")[0] for line in ring.read_text().splitlines()]
    assert ids == [second.text.strip(), first.text.strip(), third.text.strip()]
    assert stat.S_IMODE(ring.stat().st_mode) == 0o600
    assert (again.code, again.text) == (3, "")


@pytest.mark.parametrize(
    "command",
    [
        ("audit", "resume"),
        ("audit", "export", "--since", "2026-01-01", "--until", "2026-01-02", "--open"),
        ("dead", "replay", "confirm", "j-1"),
        ("keys", "adopt"),
        ("ledger", "doubts", "close", "r-1"),
    ],
    ids=" ".join,
)
async def test_a_blank_reason_is_wrong_usage(operator: Operator, command: tuple[str, ...]):
    await fill(operator)
    ended = await operator.run(*command, "--reason", " ")
    assert ended.code == 2
    assert "--reason: must say why" in ended.errors
