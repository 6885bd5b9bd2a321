"""Events too large for the bus: a claim check on the bus, the data over TLS for whoever has a token."""

import asyncio
import hashlib
import json
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from typing_extensions import TypedDict

from bridge.engine.http.consumers import add_consumer, claims_faults
from bridge.pipelines import Context, Event, RecordRequest, pipeline
from bridge.sandbox import BY_NAME
from bridge.settings import Settings
from tests.integration.pipeline.conftest import running_engine
from tests.integration.pipeline.test_journal import FAR_AHEAD, LONG_AGO, JournalReader
from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.support.processes import bridge
from tests.support.requests import cloud_event, record_request

pytestmark = [pytest.mark.asyncio(loop_scope="module")]


@dataclass
class Consumers:
    """The endpoint's address and authority, and who may fetch."""

    url: str
    authority: Authority
    file: Path
    token: str

    async def fetch(self, url: str, token: str | None) -> httpx.Response:
        context = ssl.create_default_context(cafile=str(self.authority.ca_file))
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(verify=context) as client:
            return await client.get(url, headers=headers)


@pytest.fixture(autouse=True)
def consumers(tmp_path, monkeypatch) -> Consumers:
    """Claim checks from 1 KiB on, so that every record is large. Stands before `engine` starts its worker."""
    authority = Authority(tmp_path / "tls")
    issued = authority.issue("claims", hosts=("localhost", "127.0.0.1"))
    file = tmp_path / "consumers"
    found = Consumers(f"https://127.0.0.1:{free_port()}", authority, file, add_consumer(file, "epr-1"))
    settings = {
        "URL": found.url,
        "PORT": found.url.rpartition(":")[2],
        "ABOVE_BYTES": "1024",
        "CONSUMERS_FILE": str(found.file),
        "CERT_FILE": str(issued.cert_file),
        "KEY_FILE": str(issued.key_file),
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"BRIDGE_CLAIMS_{name}", value)
    return found


async def large_event(engine) -> tuple[dict[str, Any], dict[str, Any]]:
    """A request, and its medications as they are on the bus."""
    request = cloud_event(record_request(BY_NAME["rich_record"].nhs_number))
    await engine.hospital.ask(request)
    events = await engine.hospital.outcome(request["id"])
    assert [kind for kind, _ in events] == [
        "medications.published.v1",
        "allergies.published.v1",
        "record.completed.v1",
    ]
    return request, events[0][1]


async def test_a_large_event_names_where_its_data_is_and_the_data_is_what_was_published(consumers, engine):
    request, event = await large_event(engine)
    assert "data" not in event
    answer = await consumers.fetch(event["dataref"], consumers.token)
    assert answer.status_code == 200
    assert event["datahash"] == f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
    assert event["datasize"] == len(answer.content)
    kept_for = datetime.fromisoformat(event["dataexpiry"]) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < kept_for < timedelta(days=7)
    assert answer.json()["nhs_number"] == request["data"]["patient"]["nhs_number"]
    assert answer.json()["items"]
    assert request["data"]["patient"]["nhs_number"] not in json.dumps(event)
    assert answer.headers["cache-control"] == "no-store"

    async with JournalReader(engine.settings) as journal:
        entries = [entry async for entry in journal.trail.export(LONG_AGO, FAR_AHEAD)]
        (opening,) = [entry for entry in entries if entry["event"] == "claim.opened"]
        assert opening["facts"]["consumer"] == "epr-1"
        assert opening["request_key"].endswith(request["id"])
        assert await journal.trail.verify() == []


async def test_nobody_without_a_token_of_its_own_gets_anything(consumers, engine):
    token = consumers.token
    _, event = await large_event(engine)
    for wrong in (None, "short", token[:-1] + "~", token + "x" * 300, hashed(token)):
        assert (await consumers.fetch(event["dataref"], wrong)).status_code == 401, wrong
    unknown = event["dataref"][:-4] + "0000"
    assert (await consumers.fetch(unknown, token)).status_code == 404
    consumers.file.write_text(f"somebody-else {hashed('another token of theirs')}\n")
    await asyncio.sleep(1.1)  # the endpoint looks at the file once a second
    assert (await consumers.fetch(event["dataref"], token)).status_code == 401
    async with JournalReader(engine.settings) as journal:
        entries = [entry async for entry in journal.trail.export(LONG_AGO, FAR_AHEAD)]
        assert [entry for entry in entries if entry["event"] == "claim.opened"] == []


async def test_data_goes_when_its_time_is_over(consumers, engine):
    _, event = await large_event(engine)
    async with JournalReader(engine.settings) as journal:
        pruned = await journal.vault.prune(FAR_AHEAD, facts_before=LONG_AGO)
        assert pruned.claims >= 1
    assert (await consumers.fetch(event["dataref"], consumers.token)).status_code == 404


async def test_a_request_that_comes_again_gets_the_same_claim_check(consumers, engine):
    request, event = await large_event(engine)
    await engine.hospital.ask(request, message_id=f"{request['id']}-again")
    again = await engine.hospital.outcome(f"{request['id']}-again")
    assert again[0][1] == event


@pytest.mark.nats
async def test_an_operator_opens_a_claim_with_a_reason(consumers, engine, nats_url):
    _, event = await large_event(engine)
    environment = {
        "BRIDGE_SANDBOX": "true",
        "BRIDGE_STATE_DIR": str(engine.settings.state_dir),
    }
    claim_id = event["dataref"].rpartition("/")[2]
    ended = bridge(
        "ledger",
        "claim",
        claim_id,
        "--reason",
        "the EPR was away",
        directory=engine.settings.state_dir,
        environment=environment,
    )
    assert ended.code == 0, ended
    assert f"sha256:{hashed(ended.printed.decode())}" == event["datahash"]


class Pages(TypedDict):
    """More than any bus should carry."""

    items: list[str]


@pipeline(
    name="pages",
    accepts="pages.requested.v1",
    request=RecordRequest,
    publishes={"pages.published.v1": Pages},
)
async def pages(_: RecordRequest, __: Context) -> list[Event]:
    """Five megabytes, as the consultations of a long life may be."""
    data: Pages = {"items": [f"{n:05} {'x' * 990}" for n in range(5_000)]}
    return [Event("pages.published.v1", data)]


async def test_five_megabytes_are_handed_out_whole(consumers, sandbox, bus_url, tmp_path):
    async with running_engine(sandbox, bus_url, tmp_path / "worker", pages) as engine:
        request = cloud_event(record_request(BY_NAME["rich_record"].nhs_number))
        await engine.hospital.ask(request, key="pages.requested.v1")
        ((_, event),) = await engine.hospital.outcome(request["id"])
        assert "data" not in event
        answer = await consumers.fetch(event["dataref"], consumers.token)
    assert event["datasize"] == len(answer.content) > 4.9e6
    assert event["datahash"] == f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
    assert [line[:5] for line in answer.json()["items"]] == [f"{n:05}" for n in range(5_000)]


@pytest.mark.parametrize("line", ["epr-1", "epr-1 notahash", "EPR " + "0" * 64, "", "# nobody"])
async def test_a_file_of_consumers_that_cannot_be_read_is_named_with_its_line(consumers, line):
    consumers.file.write_text(f"{line}\n")
    (problem,) = claims_faults(Settings.load().claims)
    assert problem.startswith("BRIDGE_CLAIMS_CONSUMERS_FILE: ")


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
