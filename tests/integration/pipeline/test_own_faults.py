"""A hospital's own pipeline that fails in a way nobody foresaw: each such request ends where it is seen."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from pydantic import field_validator
from structlog.testing import capture_logs

from bridge.areas.requests import RecordRequest
from bridge.bus import open_bus
from bridge.bus.port import Bus, Delivery
from bridge.contracts.envelope import STRUCTURED
from bridge.contracts.events import Event
from bridge.engine.handling import CRASH_LOOP
from bridge.engine.incoming import read_incoming
from bridge.engine.patient_keys import PatientKeys
from bridge.engine.worker import consuming
from bridge.errors import FailureCode, Unavailable
from bridge.ledger import Started, StoredEvent, open_ledger, request_key
from bridge.ledger.keys import create_ring, open_keys
from bridge.ledger.vault.aes_gcm import AesGcmSealer
from bridge.observe.about import tell_bound
from bridge.operations.site import open_stores
from bridge.pipelines import Context, InDoubt, Json, Pipeline, pipeline
from bridge.pipelines.installed import installed_pipelines
from bridge.sandbox import BY_NAME
from bridge.settings import Settings, VaultSettings
from tests.integration.bus.conformance import started
from tests.integration.bus.rabbit.test_parked_by_broker import hand_back
from tests.support.bus_sites import RabbitSite
from tests.support.hospital import Hospital, hospital_on
from tests.support.requests import cloud_event, record_request

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.rabbit]


@pipeline(name="careless", accepts="careless.requested.v1", request=RecordRequest, publishes={})
async def careless(request: RecordRequest, gp: Context) -> list[Event]:
    """Says in its error what it should not."""
    patient = await gp.trace()
    raise KeyError(f"{patient.family_name} {patient.nhs_number}")


class Strict(RecordRequest):
    """A request whose own check is broken."""

    @field_validator("patient")
    @classmethod
    def known(cls, patient: Any) -> Any:
        raise RuntimeError(f"no such patient: {patient.nhs_number}")


@pipeline(name="strict", accepts="strict.requested.v1", request=Strict, publishes={})
async def strict(_request: Strict, _gp: Context) -> list[Event]:
    """Never runs."""
    raise AssertionError("a request that cannot be read reached its handler")


ran: list[str] = []


@pipeline(name="deadly", accepts="deadly.requested.v1", request=RecordRequest, publishes={})
async def deadly(_request: RecordRequest, gp: Context) -> list[Event]:
    """Took its worker with it before, and would do so again."""
    ran.append(gp.request_key)
    raise ValueError


FACT = "shouted.v1"
SHOUT = "shout.requested.v1"
speechless = Pipeline("speechless")
answers: list[dict[str, Any]] = []


def _no_words(_request: RecordRequest, doubt: InDoubt) -> Event:
    raise KeyError(f"nothing to say of {doubt.payload}")


@speechless.operation(
    accepts=SHOUT, request=RecordRequest, publishes={FACT: dict[str, Any]}, in_doubt=_no_words
)
async def shout(request: RecordRequest, gp: Context) -> list[Event]:
    """Does something of which it cannot say that nobody knows whether it was done."""

    async def lost() -> Json:
        raise Unavailable(FailureCode.PROVIDER_TIMEOUT, stage="provider")

    async def found() -> Json | None:
        return answers[-1] if answers else await lost()

    number = request.patient.nhs_number
    return [Event(FACT, await gp.once("shout", key="1", payload={"at": number}, send=lost, settle=found))]


@dataclass
class Site:
    """A hospital and its bus; the worker is started by the test."""

    settings: Settings
    bus: Bus
    hospital: Hospital

    async def failure(
        self, pipeline: Pipeline, request: dict[str, Any], *, code: str = "internal"
    ) -> dict[str, Any]:
        """What is told of a request that fails, once its message is the only one among the dead letters."""
        (accepted,) = pipeline.operations
        asked = await self.hospital.ask(request, key=accepted.accepts)
        ((kind, event),) = await self.hospital.outcome(asked)
        assert (kind, event["data"]["code"], event["data"]["stage"]) == ("request.failed.v1", code, "engine")
        async with asyncio.timeout(10):
            while (await self.bus.depth(pipeline.queue(self.settings.bus.prefix))).dead != 1:
                await asyncio.sleep(0.05)
        return event

    async def reason(self, pipeline: Pipeline) -> str:
        """Why the one dead letter is dead."""
        async with self.bus.dead_letters(pipeline.queue(self.settings.bus.prefix)) as letters:
            (reason,) = [held.dead_letter.reason async for held in letters]
        return reason


@pytest.fixture
def settings(sandbox, rabbit_url, tmp_path, monkeypatch):
    environment = sandbox.environment | {
        "BRIDGE_BUS_URL": rabbit_url,
        "BRIDGE_BUS_PREFIX": f"t{uuid4().hex[:8]}",
        "BRIDGE_STATE_DIR": str(tmp_path),
        "BRIDGE_RETRY_ATTEMPTS": "0",
        "BRIDGE_RETRY_FIRST_DELAY": "0.05",
        "BRIDGE_RETRY_MAX_DELAY": "0.1",
        "BRIDGE_RETRY_SETTLE_AFTER": "0.5",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings.load()


def _at(moment: datetime) -> datetime:
    return moment


@asynccontextmanager
async def site_with(settings, pipeline):
    async with (
        open_bus(settings) as bus,
        hospital_on(bus) as hospital,
        consuming(settings, [pipeline], bus),
    ):
        yield Site(settings, bus, hospital)


async def test_it_fails_visibly_is_a_dead_letter_and_says_nothing_of_the_patient(settings):
    patient = BY_NAME["rich_record"]
    with capture_logs() as lines:
        async with site_with(settings, careless) as site:
            event = await site.failure(careless, cloud_event(record_request(patient.nhs_number)))
    (failed,) = [line for line in lines if line["event"] == "handler_failed"]
    assert failed["error"] == "KeyError"
    assert "careless" in failed["at"][-1]
    said = json.dumps([lines, event], default=str)
    assert patient.person.family not in said
    assert patient.nhs_number not in said


@pytest.mark.duty("JO-033")
async def test_a_request_that_nobody_can_read_ends_with_a_row_an_event_and_a_dead_letter(settings):
    patient = BY_NAME["rich_record"].nhs_number
    with capture_logs() as lines:
        async with site_with(settings, strict) as site:
            event = await site.failure(strict, cloud_event(record_request(patient)))
            assert await site.reason(strict) == "unreadable"
    (failed,) = [line for line in lines if line["event"] == "reading_failed"]
    assert (failed["error"], failed["at"][-1].endswith(" known")) == ("RuntimeError", True)
    assert patient not in json.dumps([lines, event], default=str)
    async with open_stores(settings) as stores:
        history = await stores.ledger.oversight.request_history(f"unreadable {event['causationid']}")
    assert history is not None
    assert (history.state, history.code, len(history.events)) == ("failed", "internal", 1)


@pytest.mark.parametrize(("lost", "runs", "why"), [(9, 1, "internal"), (10, 0, "crash_loop")])
async def test_a_request_whose_start_was_lost_ten_times_is_ended_unrun(settings, lost, runs, why):
    request = cloud_event(record_request(BY_NAME["rich_record"].nhs_number))
    body = json.dumps(request).encode()
    delivery = Delivery(body, id=request["id"], key="deadly.requested.v1", content_type=STRUCTURED)
    opening = read_incoming(delivery, pipeline=deadly, keys=PatientKeys("a key")).opening
    sealer = AesGcmSealer(open_keys(settings).vault)
    async with open_stores(settings):
        pass  # the audit trail begins before the first request
    for number in range(lost):
        # A worker that was killed in the middle: it took the request up, and was not heard of again.
        then = datetime.now(UTC) - timedelta(hours=1) + timedelta(minutes=number)
        async with open_ledger(settings, sealer, clock=partial(_at, then)) as ledger:
            assert isinstance(await ledger.begin(opening), Started)
    ran.clear()
    async with site_with(settings, deadly) as site:
        await site.failure(deadly, request)
        assert await site.reason(deadly) == why
    assert len(ran) == runs
    async with open_stores(settings) as stores:
        history = await stores.ledger.oversight.request_history(opening.request_key)
    assert history is not None
    assert history.state == "failed"
    assert [attempt.outcome for attempt in history.attempts].count("lost") == lost


async def test_a_pipeline_that_cannot_tell_that_it_is_in_doubt_is_in_doubt_all_the_same_and_somebody_is_told(
    settings,
):
    answers.clear()
    request = cloud_event(record_request(BY_NAME["rich_record"].nhs_number))
    key = request_key(request["source"], request["id"])
    with capture_logs() as lines:
        async with site_with(settings, speechless) as site:
            event = await site.failure(speechless, request, code="outcome_unknown")
            assert await site.reason(speechless) == "internal"
            async with open_stores(settings) as stores:
                history = await stores.ledger.oversight.request_history(key)
                assert history is not None
                assert (history.state, history.code, len(history.events)) == (
                    "in_doubt",
                    "provider_timeout",
                    1,
                )
                assert (await stores.ledger.oversight.draw_balance()).in_doubt == 1
            # It is checked as any other, and ends as it truly did.
            answers.append({"heard": True})
            async with asyncio.timeout(30):
                while len(told := site.hospital.events(request["id"])) < 2:
                    await asyncio.sleep(0.05)
    assert [kind for kind, _event in told] == ["request.failed.v1", FACT]
    (failed,) = [line for line in lines if line["event"] == "in_doubt_failed"]
    assert (failed["error"], failed["at"][-1].endswith(" _no_words")) == ("KeyError", True)
    assert BY_NAME["rich_record"].nhs_number not in json.dumps([lines, event], default=str)


@pytest.mark.parametrize(
    ("pipeline", "code"), [(deadly, "internal"), (speechless, "outcome_unknown")], ids=["reads", "acts"]
)
async def test_a_request_that_the_ledger_cannot_take_up_ends_where_it_is_seen(
    settings, tmp_path, pipeline, code
):
    request = cloud_event(record_request(BY_NAME["rich_record"].nhs_number))
    body = json.dumps(request).encode()
    (accepted,) = pipeline.operations
    delivery = Delivery(body, id=request["id"], key=accepted.accepts, content_type=STRUCTURED)
    opening = read_incoming(delivery, pipeline=pipeline, keys=PatientKeys("a key")).opening
    # An event that is still owed lies there under a key that was taken out of the ring since.
    create_ring(tmp_path / "former.keys")
    former = settings.model_copy(update={"vault": VaultSettings(keys_file=tmp_path / "former.keys")})
    async with open_stores(settings):
        pass  # the audit trail begins before the first request
    async with open_ledger(settings, AesGcmSealer(open_keys(former).vault)) as ledger:
        started = await ledger.begin(opening)
        assert isinstance(started, Started)
        owed = StoredEvent(str(uuid4()), "record.completed.v1", b"{}")
        await ledger.finish(started.lease, state="completed", code=None, events=[owed])
    ran.clear()
    answers.clear()
    with capture_logs() as lines:
        async with site_with(settings, pipeline) as site:
            event = await site.failure(pipeline, request, code=code)
            assert await site.reason(pipeline) == "internal"
    assert event["data"]["detail"] == "internal KeyUnknown"
    assert len([line for line in lines if line["event"] == "handling_failed"]) == CRASH_LOOP + 1
    assert ran == []
    async with open_stores(settings) as stores:
        balance = await stores.ledger.oversight.draw_balance()
    assert (balance.received, balance.completed, balance.failed) == (2, 1, 1)


async def test_what_the_bus_says_of_a_message_that_it_takes_up_again_names_the_request(
    settings, rabbit_url, monkeypatch
):
    request = cloud_event(record_request(BY_NAME["rich_record"].nhs_number))
    async with RabbitSite.open(rabbit_url) as site:
        monkeypatch.setenv("BRIDGE_BUS_PREFIX", site.prefix)
        settings = Settings.load()
        (records,) = installed_pipelines(["structured_record"])
        with capture_logs(processors=[tell_bound]) as lines:
            async with started(site.bus(watch_interval=0.2), site) as bus, hospital_on(bus) as hospital:
                asked = await hospital.ask(request)
                await hand_back(bus, site)
                async with consuming(settings, [records], bus):
                    await hospital.outcome(asked)
    (line,) = [line for line in lines if line["event"] == "letter_taken_up_again"]
    assert line["request_key"] == request_key(request["source"], request["id"])
    assert line["pipeline"] == "structured_record"
