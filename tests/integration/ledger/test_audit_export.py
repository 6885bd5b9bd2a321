"""Giving entries to an investigation: what was asked for, in order, and NHS numbers only on the record."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from bridge.ledger.audit.chain import entries
from bridge.ledger.audit.trail import AuditInquiry
from bridge.ledger.keys import SealBroken, add_key
from tests.integration.ledger.trail import NHS_NUMBER, OFFICER, PATIENT_KEY, Site, entry

pytestmark = pytest.mark.duty("JO-024")

EVER = datetime(2000, 1, 1, tzinfo=UTC)
INVESTIGATION = AuditInquiry(actor=OFFICER, reason="Complaint 2026-17")


async def exported(site: Site, **wanted: Any) -> list[dict[str, Any]]:
    until = datetime.now(UTC) + timedelta(seconds=1)
    return [
        row
        async for row in site.trail.export(wanted.pop("since", EVER), wanted.pop("until", until), **wanted)
    ]


async def test_an_entry_is_exported_whole_as_json(site: Site):
    await site.trail.record(entry(facts={"stage": "provider"}))
    (row,) = orjson.loads(orjson.dumps(await exported(site)))
    assert row["user"] == {
        "user_id": "u-77",
        "name": "Ms Ann Other",
        "role": "Hospital pharmacist",
        "organisation": "RXX",
        "organisation_name": "A hospital",
        "sds_user_id": "123456789012",
        "sds_role_profile_id": "210987654321",
        "device": "ward-7",
    }
    assert row["trace_ids"] == ["t-1-1", "t-1-2"]
    assert (row["patient_key"], row["practice_ods"], row["sequence"]) == (PATIENT_KEY, "A12345", 1)
    assert row["facts"] == {"stage": "provider"}
    assert datetime.fromisoformat(row["recorded_at"]).tzinfo is not None


async def test_without_an_investigation_no_nhs_number_is_opened_and_nothing_is_recorded(site: Site):
    await site.trail.record(entry())
    assert NHS_NUMBER not in str(await exported(site))
    assert len(await site.whole(entries)) == 1


async def test_opening_nhs_numbers_is_itself_in_the_trail_before_the_first_is_given(site: Site):
    await site.trail.record(entry())
    rows = site.trail.export(EVER, datetime.now(UTC), PATIENT_KEY, opened_for=INVESTIGATION)
    first = await anext(rows)
    assert first["nhs_number"] == NHS_NUMBER
    recorded = [row for row in await exported(site) if row["event"] == "audit.opened"]
    assert len(recorded) == 1
    assert recorded[0]["user"]["user_id"] == OFFICER.user_id
    assert recorded[0]["facts"]["reason"] == "Complaint 2026-17"
    assert recorded[0]["patient_key"] == PATIENT_KEY
    assert await site.trail.verify() == []


async def test_only_the_period_and_the_patient_asked_for_are_exported(site: Site):
    await site.trail.record(entry(1))
    await site.trail.record(entry(2, patient_key="f" * 32))
    second = next(row for row in await site.whole(entries) if row["request_key"] == "/epr r-2")
    middle = second["recorded_at"]
    await site.trail.record(entry(3))

    async def keys(**wanted: Any) -> list[str]:
        return [row["request_key"] for row in await exported(site, **wanted)]

    assert await keys() == ["/epr r-1", "/epr r-2", "/epr r-3"]
    assert await keys(patient_key=PATIENT_KEY) == ["/epr r-1", "/epr r-3"]
    assert await keys(since=middle) == ["/epr r-2", "/epr r-3"]  # from, inclusive
    assert await keys(until=middle) == ["/epr r-1"]  # up to, exclusive


async def test_a_long_trail_is_exported_once_and_in_order(site: Site):
    await site.fill(1100)
    rows = await exported(site)
    assert len({(row["lane"], row["sequence"]) for row in rows}) == len(rows) == 1100
    assert [row["recorded_at"] for row in rows] == sorted(row["recorded_at"] for row in rows)


async def test_entries_of_one_moment_are_all_exported(site: Site):
    # More of them than are fetched at once: the order must go on within the moment.
    await site.fill(1100)
    await site.intrude("UPDATE audit_entries SET recorded_at = (SELECT min(recorded_at) FROM audit_entries)")
    assert len({(row["lane"], row["sequence"]) for row in await exported(site)}) == 1100


async def test_after_rotation_old_numbers_still_open_and_a_removed_key_is_named(site: Site):
    await site.trail.record(entry(1))
    old = site.vault_keys.read_text().partition(":")[0]
    add_key(site.vault_keys)
    await site.trail.record(entry(2))
    assert [row["nhs_number"] for row in await exported(site, opened_for=INVESTIGATION)] == [
        NHS_NUMBER,
        NHS_NUMBER,
        None,
    ]
    site.vault_keys.write_text(site.vault_keys.read_text().splitlines()[0])
    first, second, *_ = await exported(site, opened_for=INVESTIGATION)
    assert (first["nhs_number"], first["nhs_number_key"]) == (None, old)
    assert second["nhs_number"] == NHS_NUMBER


async def test_a_sealed_number_of_another_entry_does_not_open(site: Site):
    await site.trail.record(entry(1))
    await site.trail.record(entry(2, nhs_number="9990000026"))
    await site.intrude(
        "UPDATE audit_entries SET patient = (SELECT patient FROM audit_entries e WHERE e.request_key = '/epr r-1')"
    )
    with pytest.raises(SealBroken):
        await exported(site, opened_for=INVESTIGATION)
