"""From an ADT message of a foreign client to a message at a foreign server, through all that lies between."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import hl7
import hl7.client
import pytest
from hl7apy.mllp import AbstractHandler, MLLPServer

from bridge.bus import open_bus
from bridge.engine.mllp.rendered import delivery_queue
from bridge.engine.mllp.running import delivering, taking_triggers
from bridge.engine.worker import consuming
from bridge.pipelines.installed import installed_pipelines
from bridge.sandbox import BY_NAME, SandboxOptions, running
from bridge.settings import Settings
from tests.support.bus_sites import until
from tests.support.hospital import hospital_on
from tests.support.mllp import END, START, TOPIC, a31, acknowledgement, adt, environment, event
from tests.support.ports import free_port

pytestmark = pytest.mark.nats


@dataclass
class ForeignServer:
    """hl7apy's server: it knows messages by their kind, and closes the connection after each."""

    port: int = field(default_factory=free_port)
    messages: list[str] = field(default_factory=list)

    @contextmanager
    def listening(self) -> Iterator[None]:
        messages = self.messages

        class Keeping(AbstractHandler):  # type: ignore[misc]  # hl7apy ships no types
            def reply(self) -> str:
                messages.append(self.incoming_message)
                answer: bytes = START + acknowledgement(self.incoming_message.encode()) + END
                return answer.decode()

        known = dict.fromkeys(("ADT^A31^ADT_A05", "ORU^R01^ORU_R01"), (Keeping,))
        server = MLLPServer("127.0.0.1", self.port, known)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


async def test_messages_in_order_at_a_server_that_closes_each_connection(nats_url, tmp_path):
    server = ForeignServer()
    settings = Settings.load(
        environ=environment(
            tmp_path,
            BRIDGE_BUS_URL=nats_url,
            BRIDGE_BUS_PREFIX=f"t{uuid4().hex[:8]}",
            BRIDGE_MLLP_PEER=f"mllp://127.0.0.1:{server.port}",
        )
    )
    with server.listening():
        async with open_bus(settings) as bus, delivering(settings, bus):
            for number in range(4):
                told = event(a31(f"M{number}"))
                await bus.publish(
                    TOPIC,
                    json.dumps(told).encode(),
                    id=told["id"],
                    content_type="application/cloudevents+json",
                )
            await until(lambda: len(server.messages) == 4)
    assert [str(hl7.parse(message).segment("MSH")[10]) for message in server.messages] == [
        "M0",
        "M1",
        "M2",
        "M3",
    ]


async def test_an_admission_becomes_a_record_on_the_bus_and_a_message_at_the_interface_engine(
    nats_url, tmp_path
):
    server, port = ForeignServer(), free_port()
    patient = BY_NAME["rich_record"].nhs_number
    async with running(SandboxOptions(state_dir=tmp_path)) as sandbox:
        settings = Settings.load(
            environ=sandbox.environment
            | {
                name: value
                for name, value in environment(tmp_path).items()
                if name.startswith(("BRIDGE_LISTENER", "BRIDGE_RETRY"))
            }
            | {
                "BRIDGE_BUS_URL": nats_url,
                "BRIDGE_BUS_PREFIX": f"t{uuid4().hex[:8]}",
                "BRIDGE_STATE_DIR": str(tmp_path / "state"),
                "BRIDGE_LISTENER_PORT": str(port),
                "BRIDGE_MLLP_PEER": f"mllp://127.0.0.1:{server.port}",
                "BRIDGE_RENDERINGS": "hl7v2",
            }
        )

        def admit() -> hl7.Message:
            sent = adt(lines={"PID": f"PID|1||{patient}^^^NHS^NH"})
            with hl7.client.MLLPClient("127.0.0.1", port) as client:
                return hl7.parse(client.send_message(sent).decode()[1:-2])

        with server.listening():
            async with (
                open_bus(settings) as work,
                open_bus(settings) as delivery,
                hospital_on(work) as hospital,
                consuming(settings, installed_pipelines(["structured_record"]), work),
                taking_triggers(settings, work),
                delivering(settings, delivery),
            ):
                answer = await asyncio.to_thread(admit)
                assert str(answer.segment("MSA")[1]) == "AA"
                request_id = str(answer.segment("MSA")[3]).removeprefix("request ")
                events = dict(await hospital.outcome(request_id))
                published = {"medications.published.v1", "allergies.published.v1", "record.completed.v1"}
                assert events.keys() >= published
                assert len(sandbox.calls.of("practice", nhs_number=patient)) == 1
                await until(lambda: len(server.messages) == 2)
                depth = await delivery.depth(delivery_queue(settings.bus.prefix))
                assert depth.dead == 0
    arrived = [hl7.parse(message) for message in server.messages]
    assert {str(message.segment("MSH")[9]) for message in arrived} == {"ADT^A31^ADT_A05", "ORU^R01^ORU_R01"}
    assert all(patient in str(message.segment("PID")[3]) for message in arrived)
    [snapshot] = [message for message in arrived if str(message.segment("MSH")[9]).startswith("ADT")]
    assert len(snapshot.segments("AL1")) >= 1
