"""What is written down about a request, seen through the ledger's own commands' queries."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from bridge.ledger import open_ledger, request_key
from bridge.ledger.audit.trail import AuditTrail
from bridge.ledger.keys import open_keys
from bridge.ledger.vault.aes_gcm import AesGcmSealer
from bridge.ledger.vault.vault import Vault
from bridge.sandbox import BY_NAME
from tests.support.requests import cloud_event, record_request

LONG_AGO, FAR_AHEAD = datetime(2000, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
pytestmark = [pytest.mark.asyncio(loop_scope="module")]


async def ask(engine, scenario, **attributes):
    request = cloud_event(record_request(BY_NAME[scenario].nhs_number), **attributes)
    await engine.hospital.ask(request)
    return request, await engine.hospital.outcome(request["id"])


class JournalReader:
    def __init__(self, settings):
        self.settings = settings

    async def __aenter__(self):
        keys = open_keys(self.settings)
        sealer = AesGcmSealer(keys.vault)
        self._opened = open_ledger(self.settings, sealer)
        self.ledger = await self._opened.__aenter__()
        self.trail = AuditTrail(self.ledger.store, keys.audit, sealer)
        self.vault = Vault(self.ledger.store, sealer, keep_answers=timedelta(days=1))
        return self

    async def __aexit__(self, *error):
        await self._opened.__aexit__(*error)

    async def balanced(self):
        async with asyncio.timeout(10):
            while (balance := await self.ledger.oversight.draw_balance()).in_flight:
                await asyncio.sleep(0.05)
        return balance


async def test_a_completed_request_its_calls_and_its_answer_are_on_record(engine):
    request, events = await ask(engine, "rich_record")
    async with JournalReader(engine.settings) as journal:
        await journal.balanced()
        history = await journal.ledger.oversight.request_history(
            request_key(request["source"], request["id"])
        )
        assert history is not None
        assert history.state == "completed"
        answers = await journal.vault.answers_to(request_key(request["source"], request["id"]))
        (kept,) = answers
        assert f"sha256:{kept.sha256}" == events[0][1]["data"]["source_hash"]
        answer = await journal.vault.open_answer(kept.sha256)
        assert json.loads(answer.body)["resourceType"] == "Bundle"


@pytest.mark.duty("CS-015", "JO-024", "JO-026")
@pytest.mark.parametrize(
    ("scenario", "outcome", "code"),
    [
        ("rich_record", "completed", None),
        ("restricted", "failed", "patient_restricted"),
        ("other_patient", "failed", "response_invalid"),
    ],
)
async def test_every_access_is_in_the_audit_trail_failures_too(engine, scenario, outcome, code):
    request, _ = await ask(engine, scenario)
    async with JournalReader(engine.settings) as journal:
        await journal.balanced()
        entries = [entry async for entry in journal.trail.export(LONG_AGO, FAR_AHEAD)]
        (entry,) = [entry for entry in entries if entry["correlation_id"] == request["id"]]
        assert (entry["outcome"], entry.get("code")) == (outcome, code)
        assert entry["user_id"] == "u-481"
        assert entry["organisation"] == "RZZ01"
        assert BY_NAME[scenario].nhs_number not in json.dumps(entries, default=str)
        assert await journal.trail.verify() == []


async def test_a_rejected_message_is_on_record_as_well(engine):
    correlation_id = await engine.hospital.ask(b"not json", content_type="application/json")
    await engine.hospital.outcome(correlation_id)
    async with JournalReader(engine.settings) as journal:
        balance = await journal.balanced()
        assert (balance.received, balance.rejected) == (1, 1)


async def test_in_equals_what_became_of_it(engine):
    for scenario in ("rich_record", "restricted", "empty_record", "fails_twice"):
        await ask(engine, scenario)
    await engine.hospital.outcome(await engine.hospital.ask(cloud_event(record_request("9990000019"))))
    async with JournalReader(engine.settings) as journal:
        balance = await journal.balanced()
        assert (balance.received, balance.completed, balance.failed, balance.rejected) == (5, 3, 1, 1)
        assert not balance.discrepancies


async def test_how_each_ended_is_kept_for_lists_and_groups_by_cause(engine):
    engine.sandbox.reset()
    sent = {"time": "2026-11-29T03:00:00+00:00"}
    scenarios = ("fails_twice", "restricted", "other_patient")
    asked = {name: (await ask(engine, name, **sent))[0] for name in scenarios}
    await engine.hospital.outcome(await engine.hospital.ask(cloud_event(record_request("9990000019"))))
    async with JournalReader(engine.settings) as journal:
        await journal.balanced()
        groups = {
            (each.cause.code, each.cause.stage, each.cause.upstream): each
            for each in await journal.ledger.oversight.count_causes()
        }
        assert set(groups) == {
            ("patient_restricted", "pds", "pds"),
            ("response_invalid", "mapping", None),
            (None, "request", None),
        }
        rejected = groups[None, "request", None]
        assert (rejected.cause.detail or "").startswith("data.patient.nhs_number: ")
        assert dict(rejected.outcomes) == {"rejected": 1}
        (line,) = await journal.ledger.oversight.find(asked["fails_twice"]["id"])
        assert (line.outcome, line.attempts, line.code, line.stage) == ("completed", 3, None, None)
        assert (line.operation, line.source) == ("record.requested.v1", asked["fails_twice"]["source"])
        assert line.asked_at == datetime(2026, 11, 29, 3, tzinfo=UTC)
        assert line.practice_ods is not None
        (other,) = await journal.ledger.oversight.find(asked["other_patient"]["id"])
        assert dict(groups["response_invalid", "mapping", None].practices) == {other.practice_ods: 1}


async def test_a_request_that_comes_again_gets_the_stored_outcome_and_nothing_is_called(engine):
    request, first = await ask(engine, "rich_record")
    engine.hospital.deliveries.clear()
    calls = len(engine.sandbox.calls)
    await engine.hospital.ask(request, message_id=f"{request['id']}-again")
    async with asyncio.timeout(20):
        while len(engine.hospital.deliveries[f"{request['id']}-again"]) < len(first):
            await asyncio.sleep(0.05)
    again = engine.hospital.events(f"{request['id']}-again")
    assert again == first
    assert len(engine.sandbox.calls) == calls


async def test_another_request_under_a_used_id_is_rejected_and_not_swallowed(engine):
    request, _ = await ask(engine, "rich_record")
    engine.hospital.deliveries.clear()
    other = dict(request, data=record_request(BY_NAME["empty_record"].nhs_number))
    await engine.hospital.ask(other, message_id=f"{request['id']}-other")
    ((kind, event),) = await engine.hospital.outcome(f"{request['id']}-other")
    assert kind == "request.rejected.v1"
    assert event["data"]["faults"] == [{"field": "id", "rule": "was used before by another request"}]
