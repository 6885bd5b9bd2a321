"""Documents through a real clamd, and a real ICAP server: an infected one is told and handed to nobody, and none passes unseen."""

import pytest
from sqlalchemy import func, select

from bridge.ledger.opening import open_store
from bridge.ledger.vault.vault import claim_parts, claims
from bridge.operations.doctor import examine
from bridge.pipelines.installed import installed_pipelines
from bridge.pipelines.requests import DocumentRequest
from bridge.testing import site
from tests.support.clamd import SIGNATURE, running_clamd
from tests.support.documents import RETRIEVED, Records, claims_settings
from tests.support.icap import running_icap
from tests.support.ports import free_port
from tests.support.without_bus import without_bus

SCENARIO = "documents_infected"


@pytest.fixture(scope="module")
def clamd():
    with running_clamd() as daemon:
        yield daemon


@pytest.fixture(scope="module")
def icap(clamd):
    with running_icap(clamd) as url:
        yield url


async def kept(settings):
    """How many documents, and parts of any, are in the vault."""
    async with open_store(settings, read_only=True) as store:
        counts = [select(func.count()).select_from(table) for table in (claims, claim_parts)]
        return await store.read(lambda connection: [connection.scalar(count) for count in counts])


@pytest.mark.parametrize("scanner", ["clamd", "icap"])
async def test_an_infected_document_is_told_deleted_and_handed_to_nobody(clamd, icap, scanner, tmp_path):
    endpoint, token = claims_settings(tmp_path)
    url = clamd.unix_url if scanner == "clamd" else icap
    async with without_bus("documents", settings=endpoint | {"BRIDGE_SCAN_URL": url}) as started:
        records = Records(started.sandbox, started.hospital, token)
        kind, data = await records.document(SCENARIO, "infected")
        assert (kind, data["withheld"]) == (RETRIEVED, "infected")
        assert "content" not in data
        assert data["scan"] == {
            "verdict": "infected",
            "scanner": scanner,
            "signature": f"{SIGNATURE}.UNOFFICIAL",
        }
        assert await kept(started.settings) == [0, 0]

        _, clean = await records.document(SCENARIO, "clean")
        assert clean["scan"] == {"verdict": "clean", "scanner": scanner}
        assert (await records.fetch(clean["content"]["url"])).status_code == 200
        assert await kept(started.settings) == [1, 1]


async def test_without_its_scanner_no_document_is_asked_for_and_it_comes_once_there_is_one(tmp_path):
    endpoint, token = claims_settings(tmp_path)
    (pipeline,) = installed_pipelines(["documents"])
    with running_clamd() as gone:
        url = gone.tcp_url
    settings = endpoint | {"BRIDGE_SCAN_URL": url}
    async with site(settings) as ours, without_bus("documents") as other:
        found = await Records(other.sandbox, other.hospital, token).documents(SCENARIO)
        location = found["clean"]["location"].replace(
            other.sandbox.urls["practice"], ours.sandbox.urls["practice"]
        )
        request = ours.request(DocumentRequest, SCENARIO, location=location)
        first = await ours.run(pipeline, request)
        assert (first.outcome, first.reason, first.events) == ("retrying", "internal", [])
        assert ours.sandbox.calls.of("practice") == []
        ended = await ours.finish(first)
        assert (ended.outcome, ended.kinds) == ("failed", ["request.failed.v1"])
        assert await kept(ours.settings) == [0, 0]


async def test_a_site_may_publish_what_nobody_looked_at_and_it_says_so(tmp_path):
    endpoint, token = claims_settings(tmp_path)
    with running_clamd() as gone:
        settings = endpoint | {"BRIDGE_SCAN_URL": gone.tcp_url, "BRIDGE_SCAN_WHEN_UNAVAILABLE": "publish"}
    async with without_bus("documents", settings=settings) as started:
        records = Records(started.sandbox, started.hospital, token)
        _, data = await records.document(SCENARIO, "infected")
        assert data["scan"] == {"verdict": "not_scanned", "reason": "unavailable"}
        assert (await records.fetch(data["content"]["url"])).status_code == 200


async def test_the_doctor_says_whether_the_scanner_answers(clamd):
    async def checked(url: str) -> tuple[bool, str]:
        async with site({"BRIDGE_SCAN_URL": url}) as ours:
            (check,) = [one for one in await examine(ours.settings) if one.what == "malware scanner"]
            return check.is_good, check.detail

    assert await checked(clamd.unix_url) == (True, "answers")
    is_good, detail = await checked(f"tcp://127.0.0.1:{free_port()}")
    assert not is_good
    assert "scanner_unavailable not_reached" in detail
