"""``bridge ledger``: real commands on a real ledger, beside a real broker."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import orjson
import pytest

from bridge.engine.patient_keys import PatientKeys
from bridge.ledger import NewBase, Started
from bridge.spine.interactions import CARE_RECORD
from tests.integration.operations.job_conformance import confirmed, run
from tests.support.bundles import typical_record
from tests.support.bus_sites import NatsSite
from tests.support.operators import PIPELINE, MendableHandler, Operator, bus_with, make_dead_letters
from tests.support.written_requests import PATIENT_KEY, answer, end, opening

pytestmark = pytest.mark.nats


@pytest.fixture
async def site(nats_url: str) -> AsyncIterator[NatsSite]:
    async with NatsSite.open(nats_url) as opened:
        yield opened


@pytest.fixture
def operator(site: NatsSite, tmp_path: Path) -> Operator:
    return Operator(tmp_path, site.url, site.prefix)


async def test_what_adds_up(site: NatsSite, operator: Operator):
    async with bus_with(site, MendableHandler("rejected")) as bus, operator.stores() as stores:
        await end(stores, opening("r-1"), "completed")
        await end(stores, opening("r-2"), "failed")
        await end(stores, opening("r-3"), "rejected")
        await make_dead_letters(bus, site, "r-3")
        ended = await operator.json("ledger", "balance", "--pipeline", PIPELINE, "--json")
    [account] = ended["pipelines"]
    assert ended["holds"] is True
    assert account["pipeline"] == PIPELINE
    assert account["broker"] == {"ready": 0, "waiting": 0, "dead": 1}
    counted = {name: account["ledger"][name] for name in ("received", "completed", "failed", "rejected")}
    assert counted == {"received": 3, "completed": 1, "failed": 1, "rejected": 1}


async def test_what_the_broker_has_lost_is_named(site: NatsSite, operator: Operator):
    async with bus_with(site, MendableHandler()), operator.stores() as stores:
        await end(stores, opening("r-1"), "rejected")
        claim = await stores.ledger.begin(opening("r-2"))
        assert isinstance(claim, Started)
        in_a_minute = datetime.now(UTC) + timedelta(minutes=1)
        await stores.ledger.wait(claim.lease, until=in_a_minute, reason="provider_error")
        told = await operator.run("ledger", "balance")
        of_a_period = await operator.run("ledger", "balance", "--since", "2026-01-01")
    assert told.code == 1
    assert f"{PIPELINE}: missing at the broker: waiting 1" in told.text
    assert f"{PIPELINE}: missing at the broker: dead_letters 1" in told.text
    assert of_a_period.code == 0  # a broker knows no period


async def test_what_is_unattended_is_named(site: NatsSite, operator: Operator):
    long_ago = datetime.now(UTC) - timedelta(days=2)
    async with bus_with(site, MendableHandler()), operator.stores() as stores:
        claim = await stores.ledger.begin(opening("r-1", received_at=long_ago))
        assert isinstance(claim, Started)
        late = datetime.now(UTC) - timedelta(hours=1)
        await stores.ledger.wait(claim.lease, until=late, reason="provider_error")
        told = await operator.run("ledger", "balance", "--until", long_ago.date().isoformat())
        ended = await operator.run("ledger", "balance")
    assert told.code == 0  # the request came later
    assert ended.code == 1
    assert f"{PIPELINE}: retry_overdue 1: /epr r-1" in ended.text


async def test_a_discarded_dead_letter_is_not_missed(site: NatsSite, operator: Operator):
    async with bus_with(site, MendableHandler("rejected")) as bus, operator.stores() as stores:
        await end(stores, opening("r-1"), "rejected")
        await make_dead_letters(bus, site, "r-1")
        await run(stores, await confirmed(bus, stores, site, "discard"))
        ended = await operator.json("ledger", "balance", "--pipeline", PIPELINE, "--json")
    assert ended["pipelines"][0]["broker"]["dead"] == 0
    assert ended["pipelines"][0]["discarded"] == 1


async def test_the_history_of_one_request(operator: Operator):
    async with operator.stores() as stores:
        await end(stores, opening("r-1"), "completed")
        await end(stores, opening("r-2"), "completed")
        await end(stores, opening("r-2", source="/lab"), "failed")
    by_id = await operator.json("ledger", "show", "r-1")
    by_key = await operator.json("ledger", "show", "/lab r-2")
    several = await operator.run("ledger", "show", "r-2")
    unknown = await operator.run("ledger", "show", "r-")
    assert (by_id["request_key"], by_id["state"]) == ("/epr r-1", "completed")
    assert [event["topic"] for event in by_id["events"]] == ["request.completed.v1"]
    assert by_key["state"] == "failed"
    assert (several.code, several.text) == (1, "")
    assert "/epr r-2\n" in several.errors
    assert (unknown.code, unknown.text) == (1, "")


async def test_a_record_is_mapped_again_from_the_stored_answer(operator: Operator):
    body = orjson.dumps(typical_record())
    async with operator.stores() as stores:
        await end(stores, opening("r-1"), "completed")
        await stores.vault.store_answer(answer("/epr r-1", body))
        await end(stores, opening("r-2"), "failed")
        await end(stores, opening("r-3"), "completed")
        page = replace(answer("/epr r-3", body), interaction=f"{CARE_RECORD.id}#ENC")
        await stores.vault.store_answer(page)
    record = await operator.json(
        "ledger", "remap", "r-1", "--actor", "Sam Ple", "--reason", "mapping was mended"
    )
    none = await operator.run("ledger", "remap", "r-2")
    html = await operator.run("ledger", "remap", "r-3")
    assert record["source_hash"] == f"sha256:{hashlib.sha256(body).hexdigest()}"
    assert record["patient_key"] == PATIENT_KEY
    assert len(record["medications"]) == 1
    assert (none.code, none.text) == (html.code, html.text) == (1, "")
    assert "no structured record" in html.errors
    [*_, noted] = await operator.entries()
    assert (noted["event"], noted["request_key"], noted["patient_key"]) == (
        "answer.remapped",
        "/epr r-1",
        PATIENT_KEY,
    )
    assert (noted["user"]["name"], noted["facts"]["reason"]) == ("Sam Ple", "mapping was mended")


async def test_what_changes_of_a_patient_are_told_by_is_erased_once_somebody_says_why(operator: Operator):
    key = PatientKeys(operator.environment["BRIDGE_PATIENT_KEY"]).of("9990000018")
    async with operator.stores() as stores:
        await end(stores, opening("r-1"), "completed", base=NewBase(key, None, b"{}"))
    erase = partial(operator.run, "ledger", "erase-base", "--actor", "Sam Ple")
    done = await erase("--reason", "asked for", given=b"999 000 0018\n")
    again = await erase("--reason", "asked for", given=b"9990000018\n")
    assert (done.code, done.text, again.text) == (0, "erased\n", "nothing was kept\n")
    async with operator.stores() as stores:
        assert (await stores.bases.last(key)).token is None
    noted = [each for each in await operator.entries() if each.get("patient_key") == key]
    assert [(each["user"]["name"], each["facts"]["reason"]) for each in noted] == [
        ("Sam Ple", "asked for")
    ] * 2


async def test_what_is_over_is_deleted(operator: Operator):
    long_ago = datetime.now(UTC) - timedelta(days=60)
    async with operator.stores() as stores:
        await end(stores, opening("r-1"), "completed")
        await stores.vault.store_answer(answer("/epr r-1", b"{}", received_at=long_ago))
        await stores.vault.store_answer(answer("/epr r-1", b"[]"))
    ended = await operator.run("ledger", "prune", "--actor", "Sam Ple")
    assert ended.code == 0, ended.errors
    assert ended.text.startswith("answers: 1, claims: 0")
    async with operator.stores() as stores:
        known = await stores.vault.answers_to("/epr r-1")
        kept = await stores.vault.open_answer(hashlib.sha256(b"[]").hexdigest())
    assert (len(known), kept.body) == (2, b"[]")
    [*_, noted] = await operator.entries()
    assert (noted["event"], noted["user"]["name"]) == ("requests.forgotten", "Sam Ple")
    before = datetime.now(UTC) - timedelta(days=operator.settings.ledger.keep_metadata_days)
    assert before - timedelta(minutes=5) < datetime.fromisoformat(noted["facts"]["ended_before"]) < before


async def test_a_ledger_that_cannot_be_reached_is_said_so(operator: Operator):
    ended = await operator.run(
        "ledger", "show", "r-1", BRIDGE_LEDGER_URL="postgresql://nobody@127.0.0.1:1/none"
    )
    assert (ended.code, ended.text) == (4, "")
    assert "the ledger is unavailable" in ended.errors
    assert "Traceback" not in ended.errors
