"""What becomes of a rendered HL7 v2 message, by what the peer says of it; with a real ledger and a real peer."""

import asyncio
import dataclasses
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import text

from bridge.bus import control_headers
from bridge.bus.port import Dead, Disposition, Done, RetryAfter
from bridge.engine.journal import Journal
from bridge.engine.journal.opening import open_journal
from bridge.engine.mllp.delivery import Hl7v2Delivery
from bridge.ledger.storage.sqlite import BUSY_SECONDS
from bridge.mllp.peer import Peer
from bridge.observe.spans import making_spans
from bridge.settings import Settings
from tests.support.mllp import (
    END,
    START,
    TOPIC,
    ScriptedPeer,
    a31,
    accept,
    acknowledgement,
    delivery,
    event,
    peer_at_work,
    settings_of,
)

LATER = "2026-11-29T08:59:58.001Z"
"""A millisecond after the list of every other event."""
VACCINES = "immunisations.rendered.hl7v2.v1"


@dataclasses.dataclass
class Sender:
    """A delivery on a ledger of its own, and the peer at its other end."""

    handle: Hl7v2Delivery
    peer: ScriptedPeer
    journal: Journal
    settings: Settings

    async def state(self, told: dict) -> tuple[str, str | None]:
        """How the ledger has the delivery of an event: its state and code."""
        return await state_of(self.journal, f"{told['source']} {told['id']}")


async def state_of(journal: Journal, key: str) -> tuple[str, str | None]:
    store = journal.leases.store  # type: ignore[attr-defined]  # the ledger itself
    query = text("SELECT state, code FROM requests WHERE request_key = :key")
    row = await store.read(lambda connection: connection.execute(query, {"key": key}).one())
    return row.state, row.code


@pytest.fixture
def sending(folder, tmp_path):
    @asynccontextmanager
    async def opened(reply=accept, *, in_hand_for=60.0, **settings: str) -> AsyncIterator[Sender]:
        async with peer_at_work(reply) as peer:
            loaded = settings_of(
                folder,
                **{
                    "BRIDGE_STATE_DIR": str(tmp_path),
                    "BRIDGE_MLLP_PEER": f"mllp://127.0.0.1:{peer.port}",
                    "BRIDGE_MLLP_ACK_TIMEOUT": "5",
                    **settings,
                },
            )
            client = Peer(loaded.mllp)
            async with open_journal(loaded) as journal:
                yield Sender(
                    Hl7v2Delivery(journal, client, loaded, in_hand_for=in_hand_for), peer, journal, loaded
                )
            await client.close()

    return opened


async def test_a_message_that_the_peer_takes_is_done_and_its_repeat_is_not_sent(sending):
    told = event(a31("M1"))
    async with sending() as sender:
        assert await sender.handle(delivery(told)) == Done()
        assert await sender.handle(delivery(told | {"time": "2026-11-30T09:00:00Z"})) == Done()
        assert sender.peer.messages == [a31("M1")]
        assert await sender.state(told) == ("completed", None)


@pytest.mark.parametrize("word", ["AE", "CE"])
async def test_an_error_that_may_pass_waits_and_is_sent_again_under_the_same_control_id(sending, word):
    def busy_once(message, times):
        return START + acknowledgement(message, word if times == 1 else "CA") + END

    told = event(a31("M1"))
    async with sending(busy_once) as sender:
        first = await sender.handle(delivery(told))
        assert isinstance(first, RetryAfter)
        assert (await sender.state(told))[0] == "waiting"
        await asyncio.sleep(first.seconds)
        assert await sender.handle(delivery(told, attempt=2)) == Done()
        assert sender.peer.control_ids == ["M1", "M1"]


async def test_an_error_that_does_not_pass_is_a_dead_letter_in_the_end(sending):
    def busy(message, _times):
        return START + acknowledgement(message, "AE", more="|Testpatient is locked\rERR|^^^206") + END

    told = event(a31("M1"))
    async with sending(busy, BRIDGE_MLLP_GIVE_UP_AFTER="0.3") as sender:
        outcome: Disposition = RetryAfter(0, "")
        attempt = 0
        while isinstance(outcome, RetryAfter):
            await asyncio.sleep(outcome.seconds)
            attempt += 1
            outcome = await sender.handle(delivery(told, attempt=attempt))
        assert outcome == Dead("peer_error", "AE 206 application record locked")
        assert await sender.state(told) == ("failed", "provider_error")
    assert attempt == 3, "it was sent again after 0.1 s and after 0.2 s"


@pytest.mark.parametrize("word", ["AR", "CR"])
async def test_what_the_peer_will_never_take_is_a_dead_letter_that_names_no_patient(sending, word):
    def refuse(message, _times):
        text = (
            "|no patient 999 000 0018 Testpatient\rERR||PID^1^3|204^Unknown key^HL70357|E||||no Testpatient"
        )
        return START + acknowledgement(message, word, more=text) + END

    told = event(a31("M1"))
    async with sending(refuse) as sender:
        outcome = await sender.handle(delivery(told))
        assert outcome == Dead("peer_rejected", f"{word} 204 unknown key identifier at PID-3")
        assert await sender.state(told) == ("failed", "request_refused")
        assert isinstance(await sender.handle(delivery(told)), Dead), "it is not sent again by itself"
        assert sender.peer.control_ids == ["M1"]


@pytest.mark.parametrize("fault", ["cut", "wrong_control_id", "no_frame", "no_acknowledgement", "silence"])
async def test_no_word_that_can_be_used_has_it_sent_again_at_once_under_the_same_control_id(sending, fault):
    broken = {
        "cut": None,
        "wrong_control_id": START + acknowledgement(a31("M0")) + END,
        "no_frame": b"HTTP/1.1 400 Bad Request\r\n",
        "no_acknowledgement": START + a31("M9") + END,
        "silence": b"",
    }

    def reply(message, times):
        return broken[fault] if times == 1 else accept(message, times)

    async with sending(reply, BRIDGE_MLLP_ACK_TIMEOUT="0.3") as sender:
        assert await sender.handle(delivery(event(a31("M1")))) == Done()
        assert sender.peer.control_ids == ["M1", "M1"]
        assert sender.peer.connections == 2, "a late answer must not be taken for that to another message"


async def test_one_at_which_the_peer_cuts_each_time_is_given_up_and_the_next_one_goes_out(sending):
    def cut(message, times):
        return None if b"|M1|" in message else accept(message, times)

    told, behind = event(a31("M1")), event(a31("M2"))
    async with sending(cut, in_hand_for=0.2, BRIDGE_MLLP_GIVE_UP_AFTER="0.3") as sender:
        outcome: Disposition = RetryAfter(0, "")
        attempt = 0
        while isinstance(outcome, RetryAfter):
            await asyncio.sleep(outcome.seconds)
            attempt += 1
            outcome = await sender.handle(delivery(told, attempt=attempt))
            assert attempt < 4, "for ever"
        assert outcome == Dead("peer_error", "no answer, connection_broken")
        assert await sender.handle(delivery(told)) == Dead("peer_error", "as the first time")
        assert await sender.state(told) == ("failed", "provider_error")
        assert await sender.handle(delivery(behind)) == Done()


async def test_a_message_is_held_until_the_peer_is_there(sending, folder):
    async with sending() as sender:
        port, told = sender.peer.port, event(a31("M1"))
    async with sending(BRIDGE_MLLP_PEER=f"mllp://127.0.0.1:{port}") as sender:
        handling = asyncio.create_task(sender.handle(delivery(told)))
        await asyncio.sleep(0.3)
        assert not handling.done()
        async with peer_at_work(port=port) as peer:
            assert await handling == Done()
            assert peer.control_ids == ["M1"]


async def test_a_message_that_was_held_for_long_enough_waits_elsewhere_and_keeps_its_place(sending):
    first, second = event(a31("M1")), event(a31("M2"))
    async with sending(in_hand_for=0.2) as sender:
        port = sender.peer.port
        await sender.peer.leave()
        outcomes = await asyncio.gather(*(sender.handle(delivery(each)) for each in (first, second)))
        assert [type(each) for each in outcomes] == [RetryAfter, RetryAfter]
        assert await sender.state(first) == ("waiting", "provider_timeout")
        assert await sender.state(second) == ("waiting", "behind_another")
        async with peer_at_work(port=port) as peer:
            await asyncio.sleep(1.1)
            assert isinstance(await sender.handle(delivery(second, attempt=2)), RetryAfter)
            assert await sender.handle(delivery(first, attempt=2)) == Done()
            assert peer.control_ids == ["M1"]


async def test_no_message_of_a_patient_overtakes_one_that_waits_and_others_pass(sending):
    def busy_once(message, times):
        is_first = b"|M1|" in message and times == 1
        return START + acknowledgement(message, "AE" if is_first else "AA") + END

    first, second = event(a31("M1")), event(a31("M2"))
    other = event(a31("M3", "P2"), patient="P2")
    async with sending(
        busy_once, BRIDGE_MLLP_CONNECTIONS="3", BRIDGE_RETRY_FIRST_DELAY="0.5", BRIDGE_RETRY_MAX_DELAY="0.5"
    ) as sender:
        outcomes = await asyncio.gather(*(sender.handle(delivery(each)) for each in (first, second, other)))
        assert [type(each) for each in outcomes] == [RetryAfter, RetryAfter, Done]
        # The second one comes back too early, before the first.
        assert isinstance(await sender.handle(delivery(second)), RetryAfter)
        await asyncio.sleep(outcomes[0].seconds)
        assert await sender.handle(delivery(first, attempt=2)) == Done()
        await asyncio.sleep(1.0)
        assert await sender.handle(delivery(second, attempt=2)) == Done()
        assert sender.peer.control_ids == ["M1", "M3", "M1", "M2"]


async def test_what_is_in_hand_about_one_patient_goes_out_in_the_order_in_which_it_came(sending):
    told = [event(a31(f"M{number}", f"P{number % 2}"), patient=f"P{number % 2}") for number in range(20)]
    async with sending(BRIDGE_MLLP_CONNECTIONS="4") as sender:
        sender.peer.delay = 0.002
        assert set(await asyncio.gather(*(sender.handle(delivery(each)) for each in told))) == {Done()}
        assert sender.peer.by_patient() == {
            f"P{rest}": [f"M{number}" for number in range(20) if number % 2 == rest] for rest in (0, 1)
        }
        assert sender.peer.most_at_once == 2, "one message at a time of each patient"


async def test_a_dead_letter_that_is_sent_again_goes_out_unless_a_newer_one_did(sending):
    def refuse_first(message, _times):
        return START + acknowledgement(message, "AR" if b"|M1|" in message and not mended else "AA") + END

    mended: list[bool] = []
    told, newer = event(a31("M1")), event(a31("M2"), snapshotat=LATER)
    async with sending(refuse_first) as sender:
        assert isinstance(await sender.handle(delivery(told)), Dead)
        mended.append(True)
        again = delivery(told, headers={control_headers.REPLAY_JOB: "job-1"})
        assert await sender.handle(again) == Done()
        assert await sender.handle(delivery(newer)) == Done()
        late = delivery(told, headers={control_headers.REPLAY_JOB: "job-2"})
        outcome = await sender.handle(late)
        assert isinstance(outcome, Dead)
        assert outcome.reason == "superseded"
        assert sender.peer.control_ids == ["M1", "M1", "M2"]


@pytest.mark.parametrize("first", ["older", "newer"])
async def test_of_two_dead_letters_that_are_sent_again_in_any_order_the_newer_one_is_delivered(
    sending, first
):
    def refuse(message, times):
        return START + acknowledgement(message, "AR" if times == 1 else "AA") + END

    told = {"older": event(a31("M1")), "newer": event(a31("M2"), snapshotat=LATER)}
    async with sending(refuse) as sender:
        for letter in told.values():
            assert isinstance(await sender.handle(delivery(letter)), Dead)
        again = sorted(told, key=lambda age: age != first)
        job = {control_headers.REPLAY_JOB: "job-1"}
        outcomes = {age: await sender.handle(delivery(told[age], headers=job)) for age in again}
        assert outcomes["newer"] == Done()
        assert sender.peer.control_ids[-1] == "M2"
        left_out = isinstance(outcomes["older"], Dead) and outcomes["older"].reason == "superseded"
        assert left_out == (first == "newer")


async def test_no_list_goes_out_after_a_newer_one_and_a_report_does(sending):
    newer, older, as_old = event(a31("M1"), snapshotat=LATER), event(a31("M2")), event(a31("M3"))
    report, other = event(a31("M4"), snapshotat=None), event(a31("M5"), snapshotat=None)
    async with sending() as sender:
        assert await sender.handle(delivery(newer)) == Done()
        left_out = await sender.handle(delivery(older))
        assert isinstance(left_out, Dead)
        assert left_out.reason == "superseded"
        # Its sender died before the letter was written: the next one writes the same.
        assert await sender.handle(delivery(older)) == Dead("superseded", "as the first time")
        # Neither is older than the other where they are of one answer, of another topic, or no list.
        for told in (newer | {"id": "of one answer", "data_base64": as_old["data_base64"]}, report):
            assert await sender.handle(delivery(told)) == Done()
        assert await sender.handle(delivery(older | {"id": "of vaccines"}, key=VACCINES)) == Done()
        assert await sender.handle(delivery(other)) == Done()
        assert sender.peer.control_ids == ["M1", "M3", "M4", "M2", "M5"]


async def test_the_body_of_a_claim_check_comes_out_of_the_vault(sending):
    async with sending() as sender:
        expires = datetime.now(UTC) + timedelta(days=1)
        media_type = "x-application/hl7-v2+er7"
        check = await sender.journal.claim_checks.check_in("/epr 1", a31("M1"), media_type, expires)
        told = event(b"") | {"dataref": f"https://bridge.example.test/claims/{check.id}"}
        del told["data_base64"]
        assert await sender.handle(delivery(told)) == Done()
        assert sender.peer.messages == [a31("M1")]
        gone = told | {"id": str(uuid4()), "dataref": "https://bridge.example.test/claims/none"}
        for _ in range(2):  # the second time as after a crash
            outcome = await sender.handle(delivery(gone))
            assert isinstance(outcome, Dead)
            assert outcome.reason == "body_not_kept"


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"datacontenttype": "application/json"}, "datacontenttype"),
        ({"patientkey": None}, "patientkey"),
        ({"id": ""}, "id"),
        ({"data_base64": "MSH|"}, "data_base64"),
        ({"data_base64": None}, "data_base64"),
    ],
)
async def test_what_is_no_rendered_message_is_a_dead_letter_that_says_why(sending, changes, place):
    async with sending() as sender:
        outcome = await sender.handle(delivery(json.dumps(event(a31("M1")) | changes).encode()))
    assert isinstance(outcome, Dead)
    assert outcome.reason == "unreadable"
    assert outcome.detail.startswith(place)


async def test_a_message_without_a_control_id_is_none(sending):
    async with sending() as sender:
        outcome = await sender.handle(delivery(event(a31(""))))
    assert outcome == Dead("unreadable", "MSH-10 is required")


async def test_while_the_ledger_cannot_be_written_messages_are_held_and_keep_their_order(sending):
    async with sending() as sender:
        assert await sender.handle(delivery(event(a31("M0")))) == Done()
        lock = sqlite3.connect(sender.settings.state_dir / "ledger.db", isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        told = [event(a31("M1")), event(a31("M2"))]
        handling = [asyncio.create_task(sender.handle(delivery(each))) for each in told]
        await asyncio.sleep(BUSY_SECONDS + 0.5)  # until the ledger has said that it cannot
        assert not any(each.done() for each in handling)
        lock.execute("ROLLBACK")
        lock.close()
        assert await asyncio.gather(*handling) == [Done(), Done()]
        assert sender.peer.control_ids == ["M0", "M1", "M2"]


async def test_a_delivery_belongs_to_the_trace_of_the_request_and_says_what_the_peer_was_sent(sending):
    spans = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    told = event(a31("M1")) | {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
    async with sending() as sender:
        with making_spans(provider.get_tracer("test")):
            assert await sender.handle(delivery(told)) == Done()
    sent, handled = spans.get_finished_spans()
    assert (sent.name, handled.name) == ("MLLP send", f"process {TOPIC}")
    assert {f"{span.context.trace_id:032x}" for span in (sent, handled)} == {trace_id}
    assert sent.parent is not None
    assert sent.parent.span_id == handled.context.span_id
    said = dict(sent.attributes or {}) | {"bridge.outcome": (handled.attributes or {})["bridge.outcome"]}
    assert [said[f"bridge.{name}"] for name in ("trace_id", "result", "outcome")] == [
        *("M1", "answered", "completed"),
    ]
