"""What the engine writes down about a request: in the ledger, in the audit trail and in the vault, each step at once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import orjson
import pytest
import pytest_asyncio

from bridge.contracts.requests import Requester
from bridge.engine.journal.opening import journal_on
from bridge.engine.journal.requests import Facts
from bridge.gpconnect.answer import PracticeAnswer
from bridge.ledger import Circumstances, Lease, LeaseLost, open_ledger
from bridge.ledger.audit.chain import entries
from bridge.ledger.keys import NotKept
from bridge.ledger.storage.history import request_history
from bridge.ledger.vault.vault import Vault
from bridge.observe import CallNote
from bridge.settings import LedgerSettings, Settings
from tests.integration.ledger.site import NHS_NUMBER, opening, sealer_in, started
from tests.integration.ledger.trail import Site
from tests.support.requests import record_request

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBERS = count(1)
INTERACTION = "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1"
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
CALLS = [
    CallNote("ssp", INTERACTION, "A12345", "t-1", None, "timeout", NOW, 30_000.0),
    CallNote("practice", INTERACTION, "B12345", "t-2", 200, "answered", NOW, 812.5),
    CallNote("pds", "pds.get", None, "t-3", 200, "answered", NOW, 20.0),
]
TOLD = Circumstances(stage="provider", upstream="practice", detail="read", practice_ods="B12345")
PERSON = Requester.model_validate(record_request()["requested_by"])


class Written:
    """A journal on a ledger, and what stands there."""

    def __init__(self, ledger, site: Site, vault: Vault) -> None:
        self.journal = journal_on(ledger, site.trail, vault)
        self.site = site
        self.vault = vault

    def facts(self, person: Requester | None = PERSON, nhs_number: str | None = NHS_NUMBER) -> Facts:
        return Facts(opening(next(NUMBERS)), "record.requested", person, nhs_number)

    async def begun(self, facts: Facts):
        return started(await self.journal.requests.begin(facts.opening)).lease

    async def told(self, facts: Facts):
        """What the ledger knows of a request, and its entries in the trail."""
        key = facts.opening.request_key
        history = await self.site.store.read(lambda connection: request_history(connection, key))
        return history, [row for row in await self.site.whole(entries) if row["request_key"] == key]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("journal")
    settings = Settings(state_dir=folder, ledger=LedgerSettings())
    async with open_ledger(settings, sealer_in(folder)) as ledger:
        site = Site(ledger.store, folder / "keys")
        await site.trail.prepare()
        yield Written(ledger, site, Vault(site.store, site.sealer, keep_answers=timedelta(days=10_000)))


def whole(row) -> dict:
    """What an entry says, without what is sealed, counted or drawn."""
    names = ["event", "outcome", "code", "user_id", "organisation", "patient_key", "correlation_id"]
    names += ["practice_ods", "interaction"]
    return {name: row[name] for name in names} | {"details": orjson.loads(row["details"])}


def expected(facts: Facts, outcome: str, code: str | None) -> dict:
    return {
        "event": "record.requested",
        "outcome": outcome,
        "code": code,
        "user_id": "u-481",
        "organisation": "RZZ01",
        "patient_key": facts.opening.patient_key,
        "correlation_id": facts.opening.correlation_id,
        "practice_ods": "B12345",
        "interaction": INTERACTION,
        "details": {
            "user": {
                "user_id": "u-481",
                "name": "Dr Asha Patel",
                "role": "Hospital pharmacist",
                "organisation": "RZZ01",
                "organisation_name": "Sandbox General Hospital",
                "sds_user_id": "555021935107",
                "sds_role_profile_id": "555254242106",
            },
            "trace_ids": ["t-1", "t-2", "t-3"],
        },
    }


def recorded(history) -> list[tuple]:
    [attempt] = history.attempts
    return [
        (call.what, call.where, call.trace_id, call.status, call.started_at, call.duration_ms, call.code)
        for call in attempt.calls
    ]


CALLS_TOLD = [
    (INTERACTION, "A12345", "t-1", None, NOW, 30_000.0, "timeout"),
    (INTERACTION, "B12345", "t-2", 200, NOW, 812.5, None),
    ("pds.get", "pds", "t-3", 200, NOW, 20.0, None),
]


@pytest.mark.duty("CS-015", "JO-024")
async def test_how_a_request_ended_stands_in_the_ledger_and_with_who_asked_in_the_trail(written):
    facts = written.facts()
    lease = await written.begun(facts)
    await written.journal.requests.finish(
        lease, facts, state="failed", code="provider_timeout", events=[], calls=CALLS, told=TOLD
    )
    history, [entry] = await written.told(facts)
    assert (history.state, history.code, history.stage) == ("failed", "provider_timeout", "provider")
    assert recorded(history) == CALLS_TOLD
    assert whole(entry) == expected(facts, "failed", "provider_timeout")
    assert entry["patient"] is not None


@pytest.mark.duty("CS-015", "JO-024")
async def test_a_request_that_waits_for_its_retry_is_in_both_as_well(written):
    facts = written.facts()
    lease = await written.begun(facts)
    await written.journal.requests.wait(
        lease, facts, seconds=600, code="provider_timeout", is_counted=True, calls=CALLS, told=TOLD
    )
    history, [entry] = await written.told(facts)
    assert (history.state, history.detail) == ("waiting", "read")
    assert timedelta(seconds=500) < history.wait_until - datetime.now(UTC) <= timedelta(seconds=600)
    assert recorded(history) == CALLS_TOLD
    assert whole(entry) == expected(facts, "waiting", "provider_timeout")


async def test_of_what_could_not_be_read_the_trail_says_what_is_known(written):
    facts = written.facts(person=None, nhs_number=None)
    lease = await written.begun(facts)
    await written.journal.requests.finish(
        lease, facts, state="rejected", code=None, events=[], calls=[], told=Circumstances()
    )
    _, [entry] = await written.told(facts)
    assert (entry["user_id"], entry["patient"], entry["practice_ods"], entry["interaction"]) == (None,) * 4


async def test_whoever_takes_what_a_large_event_left_is_in_the_trail_before_it_is_given(written):
    facts = written.facts()
    key = facts.opening.request_key
    later = datetime.now(UTC) + timedelta(hours=1)
    check = await written.journal.claim_checks.check_in(key, b"all of it", "text/plain", later)
    taken, data = await written.journal.claim_checks.check_out(check.id, "epr-1")
    _, [entry] = await written.told(facts)
    assert (taken, b"".join([part async for part in data])) == (check, b"all of it")
    assert (entry["event"], entry["outcome"]) == ("claim.opened", "completed")
    assert orjson.loads(entry["details"]) == {"facts": {"consumer": "epr-1", "data_sha256": check.sha256}}
    with pytest.raises(NotKept):
        await written.journal.claim_checks.check_out("0" * 32, "epr-1")
    assert len((await written.told(facts))[1]) == 1


async def test_what_came_in_pieces_is_kept_for_the_same_consumers(written):
    facts = written.facts()
    later = datetime.now(UTC) + timedelta(hours=1)
    deposit = written.journal.claim_checks.deposit(facts.opening.request_key, later)
    await deposit.add(b"a piece, ")
    await deposit.add(b"and another")
    check = await deposit.complete("text/plain")
    taken, data = await written.journal.claim_checks.check_out(check.id, "epr-1")
    assert (taken.request_key, b"".join([part async for part in data])) == (
        facts.opening.request_key,
        b"a piece, and another",
    )


async def test_answers_are_found_again_by_their_request_without_those_that_are_gone(written):
    key = written.facts().opening.request_key
    answers = [
        PracticeAnswer(f"body {number}".encode(), f"2026-11-22T09:3{number}:00.000Z", f"t-{number}", "A12345")
        for number in range(3)
    ]
    for number, answer in enumerate(answers):
        await written.journal.answers.keep_answer(key, f"interaction-{number}", answer)
    assert await written.journal.answers.kept_answers(key) == [
        (f"interaction-{number}", answer) for number, answer in enumerate(answers)
    ]
    await written.site.intrude(
        "DELETE FROM answer_bodies WHERE sha256 = :sha256", sha256=answers[1].body_sha256
    )
    assert [asked for asked, _ in await written.journal.answers.kept_answers(key)] == [
        "interaction-0",
        "interaction-2",
    ]
    assert await written.journal.answers.kept_answers("/epr other") == []


async def test_an_answer_is_kept_with_the_end_of_its_try_and_not_without_it(written):
    answers, requests = written.journal.answers, written.journal.requests
    answer = PracticeAnswer(b"body", "2026-11-22T09:30:00.000Z", "t-1", "A12345")

    async def tried() -> tuple[Facts, Lease]:
        facts = written.facts()
        lease = await written.begun(facts)
        kept = await answers.sealed(facts.opening.request_key, INTERACTION, answer)
        return replace(facts, answers=[kept]), lease

    ended, lease = await tried()
    assert await answers.kept_answers(ended.opening.request_key) == []
    how_it_ended = {"state": "completed", "code": None, "events": [], "calls": CALLS, "told": TOLD}
    await requests.finish(lease, ended, **how_it_ended)
    waiting, waits = await tried()
    await requests.wait(waits, waiting, seconds=600, code="x", is_counted=True, calls=CALLS, told=TOLD)
    for facts in (ended, waiting):
        assert await answers.kept_answers(facts.opening.request_key) == [(INTERACTION, answer)]
    lost, held = await tried()
    with pytest.raises(LeaseLost):
        await requests.finish(replace(held, token=held.token + 1), lost, **how_it_ended)
    assert await answers.kept_answers(lost.opening.request_key) == []


async def test_what_is_unfinished_is_counted(written):
    await written.begun(written.facts())
    first = (await written.journal.requests.count_unfinished()).requests
    await written.begun(written.facts())
    second = (await written.journal.requests.count_unfinished()).requests
    assert list(first) == list(second) == ["structured_record"]
    assert first != second


async def test_whether_it_can_be_used_is_told_by_part(tmp_path):
    async with open_ledger(Settings(state_dir=tmp_path), sealer_in(tmp_path)) as ledger:
        site = Site(ledger.store, tmp_path / "keys")
        await site.trail.prepare()
        await site.fill(3)
        requests = Written(
            ledger, site, Vault(site.store, site.sealer, keep_answers=timedelta())
        ).journal.requests
        assert await requests.ready() == {"ledger": True, "audit": True}
        await site.intrude("UPDATE audit_heads SET sequence = sequence + 1")
        assert await requests.ready() == {"ledger": True, "audit": False}
        await site.intrude("ALTER TABLE audit_heads RENAME TO away")
        assert await requests.ready() == {"ledger": False, "audit": False}
