"""What somebody with all rights in the database can do to the audit trail, and that each of it is found.

Every test really changes the rows, with the triggers out of the way, and names the sequence numbers.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Executable, delete, insert, text, update
from sqlalchemy.exc import IntegrityError

from bridge.ledger.audit.chain import FIRST_PREVIOUS, Head, entries, entry_mac, heads, sealed_head
from bridge.ledger.audit.trail import AuditBroken, Entry
from bridge.ledger.audit.verification import Finding
from bridge.ledger.keys import KeyFile, add_key, create_ring
from tests.integration.ledger.trail import OFFICER, Site, entry

pytestmark = pytest.mark.duty("JO-024")

FILL = 96  # at least five in every chain, however many chains there are
AT = "WHERE lane = :lane AND sequence = :sequence"


@pytest.fixture
async def end(site: Site) -> Head:
    """The end of a chain with at least five entries, in a trail that is whole."""
    await site.fill(FILL)
    assert await site.trail.verify() == []
    longest = max(await site.trail.heads(), key=lambda head: head.sequence)
    assert longest.sequence >= 5
    return longest


def other_value(value: Any) -> Any:
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:]
    return f"{value}x" if isinstance(value, str) else value + timedelta(microseconds=1)


def fault(kind: Any, end: Head, first: int, last: int | None = None) -> Finding:
    return Finding(kind, end.chain, first, first if last is None else last)


async def row_at(site: Site, lane: int, sequence: int) -> dict[str, Any]:
    return next(
        row for row in await site.whole(entries) if (row["lane"], row["sequence"]) == (lane, sequence)
    )


async def test_a_change_of_any_column_is_found(site: Site, end: Head):
    here = (entries.c.lane == end.chain) & (entries.c.sequence == 3)
    whole = {**await row_at(site, end.chain, 3), "code": "internal"}
    await site.intrude(update(entries).where(here).values(whole))
    assert await site.trail.verify() == [fault("changed", end, 3)]  # one that was empty was filled
    original = whole | {"code": None}
    for column in set(original) - {"lane", "sequence", "key_id", "code"}:
        await site.intrude(
            update(entries).where(here).values(original | {column: other_value(original[column])})
        )
        assert await site.trail.verify() == [fault("changed", end, 3)], column
    await site.intrude(update(entries).where(here).values(original))
    assert await site.trail.verify() == []


async def test_a_deleted_row_is_found(site: Site, end: Head):
    await site.intrude(f"DELETE FROM audit_entries {AT}", lane=end.chain, sequence=3)
    assert await site.trail.verify() == [fault("missing", end, 3)]


async def test_several_deleted_rows_are_found_as_one_gap(site: Site, end: Head):
    await site.intrude(
        "DELETE FROM audit_entries WHERE lane = :lane AND sequence IN (2, 3, 4)", lane=end.chain
    )
    assert await site.trail.verify() == [fault("missing", end, 2, 4)]


async def test_a_gap_that_is_closed_by_renumbering_is_found(site: Site, end: Head):
    await site.intrude(f"DELETE FROM audit_entries {AT}", lane=end.chain, sequence=3)
    for sequence in range(4, end.sequence + 1):
        await site.intrude(
            f"UPDATE audit_entries SET sequence = sequence - 1 {AT}", lane=end.chain, sequence=sequence
        )
    findings = await site.trail.verify()
    assert findings[0] == fault("changed", end, 3)
    assert findings[-1] == fault("cut_tail", end, end.sequence)


async def test_a_swapped_pair_is_found(site: Site, end: Head):
    for sequence, becomes in ((3, 0), (4, 3), (0, 4)):
        await site.intrude(
            f"UPDATE audit_entries SET sequence = {becomes} {AT}", lane=end.chain, sequence=sequence
        )
    assert await site.trail.verify() == [fault("changed", end, 3), fault("changed", end, 4)]


async def test_a_genuine_entry_in_the_place_of_another_is_found(site: Site, end: Head):
    copied = {**await row_at(site, end.chain, 2), "sequence": 4}
    here = (entries.c.lane == end.chain) & (entries.c.sequence == 4)
    await site.intrude(update(entries).where(here).values(copied))
    assert await site.trail.verify() == [fault("changed", end, 4)]


async def test_a_cut_tail_is_found(site: Site, end: Head):
    tail = end.sequence - 1
    await site.intrude(
        "DELETE FROM audit_entries WHERE lane = :lane AND sequence >= :tail", lane=end.chain, tail=tail
    )
    assert await site.trail.verify() == [fault("cut_tail", end, tail, end.sequence)]


async def test_a_cut_tail_is_found_when_the_head_is_set_back_to_match(site: Site, end: Head):
    await cut_tail_and_set_heads_back(site)
    assert fault("head_changed", end, end.sequence - 1) in await site.trail.verify()


async def cut_tail_and_set_heads_back(site: Site) -> None:
    """Of every chain the last entry goes, and the head names the one before; its seal cannot be made."""
    await site.intrude(
        "DELETE FROM audit_entries WHERE sequence = "
        "(SELECT sequence FROM audit_heads WHERE audit_heads.lane = audit_entries.lane)",
        "UPDATE audit_heads SET sequence = sequence - 1",
        "UPDATE audit_heads SET mac = (SELECT mac FROM audit_entries WHERE audit_entries.lane = audit_heads.lane "
        "AND audit_entries.sequence = audit_heads.sequence)",
    )


async def test_a_cut_head_is_found(site: Site, end: Head):
    await site.intrude("DELETE FROM audit_entries WHERE lane = :lane AND sequence < 3", lane=end.chain)
    assert await site.trail.verify() == [fault("cut_head", end, 1, 2)]


async def test_a_chain_emptied_to_look_unused_is_found(site: Site, end: Head):
    await site.intrude(
        "DELETE FROM audit_entries WHERE lane = :lane",
        "UPDATE audit_heads SET sequence = 0, mac = :none WHERE lane = :lane",
        lane=end.chain,
        none=FIRST_PREVIOUS,
    )
    assert await site.trail.verify() == [fault("head_changed", end, 0)]


async def test_an_entry_forged_with_another_key_is_found(site: Site, end: Head, tmp_path: Path):
    create_ring(tmp_path / "own.keys")
    own = KeyFile(tmp_path / "own.keys", "X").ring
    row = await row_at(site, end.chain, end.sequence)
    forged = row | {"sequence": end.sequence + 1, "previous": row["mac"], "user_id": "somebody-else"}
    keys = type(own)(row["key_id"], {row["key_id"]: own.key(own.current)})  # under the id of the real key
    forged["mac"] = entry_mac(keys, forged)
    await site.intrude(insert(entries).values(forged))
    assert await site.trail.verify() == [
        fault("changed", end, end.sequence + 1),
        fault("forged", end, end.sequence + 1),
    ]
    head = sealed_head(keys, end.chain, end.sequence + 1, forged["mac"])
    await site.intrude(update(heads).where(heads.c.lane == end.chain).values(head))
    assert await site.trail.verify() == [
        fault("changed", end, end.sequence + 1),
        fault("head_changed", end, end.sequence + 1),
    ]


@pytest.mark.parametrize("sequence", [0, -3])
async def test_an_entry_forged_before_the_first_is_found(site: Site, end: Head, sequence: int):
    row = await row_at(site, end.chain, 1)
    await site.intrude(insert(entries).values(row | {"sequence": sequence}))
    assert await site.trail.verify() == [fault("forged", end, sequence)]


async def test_entries_in_a_chain_that_does_not_exist_are_found(site: Site, end: Head):
    row = await row_at(site, end.chain, 1)
    await site.intrude(insert(entries).values(row | {"lane": 99}))
    assert await site.trail.verify() == [Finding("forged", 99, 1, 1)]


async def test_a_lost_head_is_found_and_is_not_made_anew(site: Site, end: Head):
    await site.intrude("DELETE FROM audit_heads")
    findings = await site.trail.verify()
    assert fault("head_missing", end, end.sequence) in findings
    assert {finding.kind for finding in findings} == {"head_missing"}
    await site.trail.prepare()  # a worker starts
    assert await site.trail.verify() == findings
    with pytest.raises(AuditBroken):
        await site.trail.record(entry())


async def test_a_trail_put_back_whole_is_found_by_a_head_noted_elsewhere(site: Site, end: Head):
    await site.intrude(
        "CREATE TABLE kept_entries AS SELECT * FROM audit_entries",
        "CREATE TABLE kept_heads AS SELECT * FROM audit_heads",
    )
    await site.fill(FILL)
    noted = [Head.parse(str(head)) for head in await site.trail.heads()]
    assert await site.trail.verify(noted) == []
    await site.intrude(
        "DELETE FROM audit_entries",
        "DELETE FROM audit_heads",
        "INSERT INTO audit_entries SELECT * FROM kept_entries",
        "INSERT INTO audit_heads SELECT * FROM kept_heads",
    )
    assert await site.trail.verify() == []  # nothing in the database tells
    await site.fill(2 * FILL)  # and it goes on past what was noted
    at = next(head.sequence for head in noted if head.chain == end.chain)
    assert fault("put_back", end, at) in await site.trail.verify(noted)


@pytest.mark.parametrize("replaced", ["one", "all_since"])
async def test_genuine_entries_of_a_trail_that_was_put_back_are_found(site: Site, end: Head, replaced: str):
    # Put back, the trail goes on a second time: then there are two genuine entries for one place.
    await site.intrude(
        "CREATE TABLE kept_entries AS SELECT * FROM audit_entries",
        "CREATE TABLE kept_heads AS SELECT * FROM audit_heads",
    )
    await site.fill(2 * FILL)
    first_time = await site.whole(entries)
    await site.intrude(
        "DELETE FROM audit_entries",
        "DELETE FROM audit_heads",
        "INSERT INTO audit_entries SELECT * FROM kept_entries",
        "INSERT INTO audit_heads SELECT * FROM kept_heads",
    )
    await site.fill(FILL)
    last = (await site.trail.heads())[end.chain].sequence
    places = range(end.sequence + 1, last + 1) if replaced == "all_since" else [last - 1]
    assert last - 1 > end.sequence
    genuine = [row for row in first_time if row["lane"] == end.chain and row["sequence"] in places]
    for row in genuine:
        here = (entries.c.lane == end.chain) & (entries.c.sequence == row["sequence"])
        await site.intrude(update(entries).where(here).values(row))
    # Where it does not follow what stands before it, and where what comes next does not follow it.
    expected = {"one": [fault("unlinked", end, last - 1)], "all_since": []}[replaced]
    assert await site.trail.verify() == [*expected, fault("unlinked", end, last)]


async def test_a_trail_wiped_clean_is_found_by_a_head_noted_elsewhere(site: Site, end: Head):
    await site.intrude("DELETE FROM audit_entries", "DELETE FROM audit_heads")
    await site.trail.prepare()
    assert await site.trail.verify() == []
    assert await site.trail.verify([end]) == [fault("put_back", end, end.sequence)]


async def test_nothing_is_built_on_a_trail_that_was_tampered_with(site: Site, end: Head):
    await cut_tail_and_set_heads_back(site)
    with pytest.raises(AuditBroken):
        await site.trail.record(entry())
    # Sealing the next entry would have hidden the cut.
    assert fault("head_changed", end, end.sequence - 1) in await site.trail.verify()


@pytest.mark.parametrize("damage", ["set_back", "removed"])
async def test_the_trail_goes_on_after_an_investigation_and_the_finding_stays(
    site: Site, end: Head, damage: str
):
    if damage == "set_back":
        await cut_tail_and_set_heads_back(site)
    else:
        await site.intrude("DELETE FROM audit_heads")
    before = await site.trail.verify()
    assert await site.trail.resume(OFFICER, "Incident 12: restored, cause found") == before
    await site.fill(FILL)
    findings = await site.trail.verify()
    assert {finding.kind for finding in findings} == {"resumed"}
    assert any(finding.chain == end.chain for finding in findings)
    rows = [row for row in await site.whole(entries) if row["event"] == "audit.resumed"]
    assert len(rows) == len(before)
    assert all("Incident 12" in row["details"] and str(before[0].kind) in row["details"] for row in rows)
    assert {row["user_id"] for row in rows} == {OFFICER.user_id}


async def test_a_gap_stays_a_gap_after_the_trail_is_resumed(site: Site, end: Head):
    tail = end.sequence - 1
    await site.intrude(
        "DELETE FROM audit_entries WHERE lane = :lane AND sequence >= :tail",
        "UPDATE audit_heads SET seal = mac WHERE lane = :lane",
        lane=end.chain,
        tail=tail,
    )
    await site.trail.resume(OFFICER, "Incident 13")
    assert await site.trail.verify() == [
        fault("missing", end, tail, end.sequence),
        fault("resumed", end, end.sequence + 1),
    ]


async def test_resuming_a_whole_trail_changes_nothing(site: Site, end: Head):
    assert await site.trail.resume(OFFICER, "To be sure") == []
    assert (await site.trail.heads())[end.chain] == end


async def test_entries_of_a_key_that_was_rotated_out_still_verify(site: Site, end: Head):
    add_key(site.audit_keys)
    await site.fill(FILL)
    assert len({row["key_id"] for row in await site.whole(entries)}) == 2
    assert await site.trail.verify() == []


async def test_a_key_that_was_removed_leaves_nothing_unsaid(site: Site, end: Head):
    add_key(site.audit_keys)
    await site.fill(FILL)
    site.audit_keys.write_text(site.audit_keys.read_text().splitlines()[0])
    findings = [finding for finding in await site.trail.verify() if finding.chain == end.chain]
    assert findings == [fault("key_unknown", end, sequence) for sequence in range(1, end.sequence + 1)]


@pytest.mark.parametrize(
    "statement",
    [
        update(entries).values(outcome="completed"),
        delete(entries),
        delete(heads),
        update(heads).values(sequence=heads.c.sequence - 1),
        update(heads).values(seal=b"other"),
    ],
    ids=["update", "delete", "delete_head", "set_head_back", "reseal_head"],
)
async def test_the_database_refuses_to_change_the_trail(site: Site, end: Head, statement: Any):
    with pytest.raises(IntegrityError, match="append-only"):
        await attempt(site, statement)
    assert await site.trail.heads()
    assert await site.trail.verify() == []


async def test_the_database_refuses_the_other_ways_to_empty_a_table(site: Site, end: Head):
    row = await row_at(site, end.chain, 3)
    statements: list[Any] = (
        [insert(table).prefix_with("OR REPLACE").values(values) for table, values in await both(site, row)]
        if site.is_sqlite
        else [text("TRUNCATE audit_entries"), text("TRUNCATE audit_heads")]
    )
    for statement in statements:
        with pytest.raises(IntegrityError, match="append-only"):
            await attempt(site, statement)
    assert await site.trail.verify() == []


async def attempt(site: Site, statement: Executable) -> None:
    await site.store.write(lambda connection: connection.execute(statement))


async def both(site: Site, row: dict[str, Any]) -> list[tuple[Any, dict[str, Any]]]:
    return [(entries, row | {"user_id": "other"}), (heads, (await site.whole(heads))[0])]


async def test_an_entry_of_the_same_words_is_another_entry(site: Site):
    same = Entry(event="record.requested", outcome="completed")
    first, second = await site.trail.record(same), await site.trail.record(same)
    assert first != second
    codes = {row["mac"] for row in await site.whole(entries)}
    assert len(codes) == 2
