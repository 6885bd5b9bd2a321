"""``bridge ledger``: real commands on a real ledger, beside a real broker."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from bridge.cli.site import Books
from bridge.ledger import EndState, Opening, Started, StoredEvent, request_key
from bridge.ledger.audit.trail import Entry
from bridge.ledger.vault.vault import Answer
from bridge.spine.interactions import CARE_RECORD, STRUCTURED_RECORD
from tests.integration.replay.conformance import confirmed, run
from tests.support.bundles import typical_record
from tests.support.bus_sites import NatsSite
from tests.support.desk import PIPELINE, MemoryBudget, Ward, park, ward_on

pytestmark = pytest.mark.nats
PATIENT_KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
async def site(nats_url: str) -> AsyncIterator[NatsSite]:
    async with NatsSite.open(nats_url) as opened:
        yield opened


@pytest.fixture
def desk(site: NatsSite, tmp_path: Path) -> MemoryBudget:
    return MemoryBudget(tmp_path, site.url, site.prefix)


def opening(request_id: str, *, received_at: datetime | None = None, source: str = "/epr") -> Opening:
    return Opening(
        request_key(source, request_id),
        PIPELINE,
        correlation_id=f"c-{request_id}",
        body_sha256="ab" * 32,
        received_at=received_at or datetime.now(UTC),
        patient_key=PATIENT_KEY,
    )


async def end(books: Books, opened: Opening, state: EndState, *, publish: bool = True) -> None:
    claim = await books.ledger.begin(opened)
    assert isinstance(claim, Started)
    event = StoredEvent(f"e-{opened.request_key}", f"request.{state}.v1", b"{}")
    recorded = books.trail.step(
        Entry(event="record.requested.v1", outcome=state, request_key=opened.request_key)
    )
    await books.ledger.finish(claim.lease, state=state, code=None, events=[event], also=recorded)
    if publish:
        await books.ledger.published(opened.request_key, [event.id])


async def test_what_adds_up(site: NatsSite, desk: MemoryBudget):
    async with ward_on(site, Ward("rejected")) as bus, desk.books() as books:
        await end(books, opening("r-1"), "completed")
        await end(books, opening("r-2"), "failed")
        await end(books, opening("r-3"), "rejected")
        await park(bus, site, "r-3")
        ended = await desk.json("ledger", "balance", "--pipeline", PIPELINE, "--json")
    [account] = ended["pipelines"]
    assert ended["holds"] is True
    assert account["pipeline"] == PIPELINE
    assert account["broker"] == {"ready": 0, "waiting": 0, "dead": 1}
    counted = {name: account["ledger"][name] for name in ("received", "completed", "failed", "rejected")}
    assert counted == {"received": 3, "completed": 1, "failed": 1, "rejected": 1}


async def test_what_the_broker_has_lost_is_named(site: NatsSite, desk: MemoryBudget):
    async with ward_on(site, Ward()), desk.books() as books:
        await end(books, opening("r-1"), "rejected")
        claim = await books.ledger.begin(opening("r-2"))
        assert isinstance(claim, Started)
        in_a_minute = datetime.now(UTC) + timedelta(minutes=1)
        await books.ledger.waiting(claim.lease, until=in_a_minute, reason="provider_error")
        told = await desk.run("ledger", "balance")
        of_a_period = await desk.run("ledger", "balance", "--since", "2026-01-01")
    assert told.code == 1
    assert f"{PIPELINE}: missing at the broker: waiting 1" in told.text
    assert f"{PIPELINE}: missing at the broker: dead_letters 1" in told.text
    assert of_a_period.code == 0  # a broker knows no period


async def test_what_nobody_minds_is_named(site: NatsSite, desk: MemoryBudget):
    long_ago = datetime.now(UTC) - timedelta(days=2)
    async with ward_on(site, Ward()), desk.books() as books:
        claim = await books.ledger.begin(opening("r-1", received_at=long_ago))
        assert isinstance(claim, Started)
        late = datetime.now(UTC) - timedelta(hours=1)
        await books.ledger.waiting(claim.lease, until=late, reason="provider_error")
        told = await desk.run("ledger", "balance", "--until", long_ago.date().isoformat())
        ended = await desk.run("ledger", "balance")
    assert told.code == 0  # the request came later
    assert ended.code == 1
    assert f"{PIPELINE}: retry_overdue 1: /epr r-1" in ended.text


async def test_a_discarded_letter_is_not_missed(site: NatsSite, desk: MemoryBudget):
    async with ward_on(site, Ward("rejected")) as bus, desk.books() as books:
        await end(books, opening("r-1"), "rejected")
        await park(bus, site, "r-1")
        await run(bus, books, desk, site, await confirmed(bus, books, desk, site, "discard"))
        ended = await desk.json("ledger", "balance", "--pipeline", PIPELINE, "--json")
    assert ended["pipelines"][0]["broker"]["dead"] == 0
    assert ended["pipelines"][0]["discarded"] == 1


async def test_the_history_of_one_request(desk: MemoryBudget):
    async with desk.books() as books:
        await end(books, opening("r-1"), "completed")
        await end(books, opening("r-2"), "completed")
        await end(books, opening("r-2", source="/lab"), "failed")
    by_id = await desk.json("ledger", "show", "r-1")
    by_key = await desk.json("ledger", "show", "/lab r-2")
    several = await desk.run("ledger", "show", "r-2")
    unknown = await desk.run("ledger", "show", "r-")
    assert (by_id["request_key"], by_id["state"]) == ("/epr r-1", "completed")
    assert [event["topic"] for event in by_id["events"]] == ["request.completed.v1"]
    assert by_key["state"] == "failed"
    assert (several.code, several.text) == (1, "")
    assert "/epr r-2; /lab r-2" in several.errors
    assert (unknown.code, unknown.text) == (1, "")


async def test_a_record_is_mapped_again_from_the_stored_answer(desk: MemoryBudget):
    body = orjson.dumps(typical_record())
    async with desk.books() as books:
        await end(books, opening("r-1"), "completed")
        await books.vault.store_answer(answer("/epr r-1", body))
        await end(books, opening("r-2"), "failed")
        await end(books, opening("r-3"), "completed")
        page = replace(answer("/epr r-3", body), interaction=f"{CARE_RECORD.id}#ENC")
        await books.vault.store_answer(page)
    record = await desk.json("ledger", "remap", "r-1", "--actor", "Sam Ple", "--reason", "mapping was mended")
    none = await desk.run("ledger", "remap", "r-2")
    html = await desk.run("ledger", "remap", "r-3")
    assert record["source_hash"] == f"sha256:{hashlib.sha256(body).hexdigest()}"
    assert record["patient_key"] == PATIENT_KEY
    assert len(record["medications"]) == 1
    assert (none.code, none.text) == (html.code, html.text) == (1, "")
    assert "no structured record" in html.errors
    [*_, noted] = await desk.entries()
    assert (noted["event"], noted["request_key"], noted["patient_key"]) == (
        "answer.remapped",
        "/epr r-1",
        PATIENT_KEY,
    )
    assert (noted["user"]["name"], noted["facts"]["reason"]) == ("Sam Ple", "mapping was mended")


async def test_what_is_over_is_deleted(desk: MemoryBudget):
    long_ago = datetime.now(UTC) - timedelta(days=60)
    async with desk.books() as books:
        await end(books, opening("r-1"), "completed")
        await books.vault.store_answer(answer("/epr r-1", b"{}", received_at=long_ago))
        await books.vault.store_answer(answer("/epr r-1", b"[]"))
    ended = await desk.run("ledger", "prune", "--actor", "Sam Ple")
    assert ended.code == 0, ended.errors
    assert ended.text.startswith("answers: 1, claims: 0")
    async with desk.books() as books:
        known = await books.vault.answers_to("/epr r-1")
        kept = await books.vault.open_answer(hashlib.sha256(b"[]").hexdigest())
    assert (len(known), kept.body) == (2, b"[]")
    [*_, noted] = await desk.entries()
    assert (noted["event"], noted["user"]["name"]) == ("requests.forgotten", "Sam Ple")
    before = datetime.now(UTC) - timedelta(days=desk.settings.ledger.keep_metadata_days)
    assert before - timedelta(minutes=5) < datetime.fromisoformat(noted["facts"]["ended_before"]) < before


async def test_a_ledger_that_cannot_be_reached_is_said_so(desk: MemoryBudget):
    ended = await desk.run("ledger", "show", "r-1", BRIDGE_LEDGER_URL="postgresql://nobody@127.0.0.1:1/none")
    assert (ended.code, ended.text) == (4, "")
    assert "the ledger is unavailable" in ended.errors
    assert "Traceback" not in ended.errors


def answer(key: str, body: bytes, *, received_at: datetime | None = None) -> Answer:
    return Answer(
        sha256=hashlib.sha256(body).hexdigest(),
        received_at=received_at or datetime.now(UTC),
        request_key=key,
        interaction=STRUCTURED_RECORD.id,
        practice_ods="A12345",
        trace_id="t-1",
        body=body,
    )
