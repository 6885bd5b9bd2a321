"""HL7 v2 on its way to the hospital's interface engine, while its sender is killed and while the engine is away."""

import asyncio
import contextlib
import json
import os
import random
import signal
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bridge.bus.port import Bus
from bridge.engine.mllp.rendered import HL7V2_DELIVERY, delivery_queue
from tests.faults.installation import until
from tests.integration.bus.transport import Taking
from tests.integration.bus.transport import acknowledge as take_and_acknowledge
from tests.support.mllp import (
    END,
    START,
    TOPIC,
    ScriptedPeer,
    a31,
    accept,
    acknowledgement,
    adt,
    environment,
    event,
    patient_of,
    peer_at_work,
)
from tests.support.ports import free_port
from tests.support.processes import Child, bridge, child

IN_THE_GATE = 16
MESSAGES = int(os.environ.get("MLLP_MESSAGES", IN_THE_GATE))
"""`make mllp` sends more, and kills as often more."""
PATIENTS = 4
SEED = 20261129
BUSY = 0.1
"""The share of messages that the peer answers with AE the first time."""


@dataclass
class Delivering:
    """A broker with rendered messages on it, a peer, and the settings of a sender between the two."""

    bus: Bus
    peer: ScriptedPeer
    variables: dict[str, str]
    folder: Path
    title: str
    published: list[bytes] = field(default_factory=list)

    async def publish(self, count: int) -> None:
        """Messages about a few patients in turn, each known by its control id."""
        for number in range(count):
            patient = f"P{number % PATIENTS}"
            er7 = a31(f"M{len(self.published)}", patient)
            told = event(er7, patient=patient)
            self.published.append(er7)
            await self.bus.publish(
                TOPIC, json.dumps(told).encode(), id=told["id"], content_type="application/cloudevents+json"
            )

    def sender(self, log: Path):
        return child("bridge", ["mllp", "send"], environment=self.variables, output=log)

    def has_all(self) -> bool:
        return self.peer.accepted >= {*self.published}

    async def is_quiet(self) -> bool:
        """Whether the broker holds nothing any more."""
        depth = await self.bus.depth(delivery_queue(self.variables["BRIDGE_BUS_PREFIX"]))
        return (depth.ready, depth.waiting, depth.dead) == (0, 0, 0)

    async def check(self) -> Counter[str]:
        """Nothing is lost, what came twice is the same, and no message of a patient came before an earlier one."""
        assert {*self.peer.messages} == {*self.published}
        came: dict[str, list[int]] = defaultdict(list)
        for message in self.peer.messages:
            came[patient_of(message)].append(self.published.index(message))
        assert all(order == sorted(order) for order in came.values()), came

        assert await self.is_quiet()
        balance = await asyncio.to_thread(
            bridge,
            *("ledger", "balance", "--pipeline", HL7V2_DELIVERY, "--json"),
            directory=self.folder,
            environment=self.variables,
        )
        [account] = json.loads(balance.printed)["pipelines"]
        assert account["holds"], account
        assert account["ledger"]["completed"] == account["ledger"]["received"] == len(self.published)
        return Counter({"delivered": account["ledger"]["completed"]})


@pytest.fixture
def delivering(broker, tmp_path):
    @asynccontextmanager
    async def opened() -> AsyncIterator[Delivering]:
        async with broker.site() as site, peer_at_work() as peer:
            variables = environment(
                tmp_path,
                BRIDGE_BUS_URL=broker.node.url,
                BRIDGE_BUS_PREFIX=site.prefix,
                BRIDGE_LEDGER_LEASE_SECONDS="1",
                BRIDGE_LOG_FORMAT="json",
                BRIDGE_MLLP_CONNECTIONS="3",
                BRIDGE_MLLP_PEER=f"mllp://127.0.0.1:{peer.port}",
            )
            bus = site.bus()
            await bus.start()
            try:
                await bus.declare(delivery_queue(site.prefix))
                yield Delivering(bus, peer, variables, tmp_path, broker.title)
            finally:
                await bus.stop(grace=5)

    return opened


class Killing:
    """A peer that kills the sender at hand at a step of its work, and is busy now and then.

    Attributes:
        step: ``sent``: a message came and is not acknowledged; ``acknowledged``: its acknowledgement is on its
            way; ``none``: nothing happens to the sender.
        sender: the one at hand.
    """

    def __init__(self, chance: random.Random) -> None:
        self.step = "none"
        self.sender: Child | None = None
        self._chance = chance

    def __call__(self, message: bytes, times: int) -> bytes | None:
        if self.step == "sent":
            self.kill()
        elif self.step == "acknowledged":
            asyncio.get_running_loop().call_soon(self.kill)
        if times == 1 and self._chance.random() < BUSY:
            return START + acknowledgement(message, "AE") + END
        return accept(message, times)

    def kill(self) -> None:
        assert self.sender is not None
        self.sender.process.send_signal(signal.SIGKILL)

    def is_over(self) -> bool:
        assert self.sender is not None
        return self.sender.process.poll() is not None


async def test_a_sender_that_is_killed_at_each_step_loses_and_reorders_nothing(delivering, outages):
    """Before anything is taken, with a message sent, with it acknowledged, and at any other moment."""
    chance = random.Random(SEED)
    steps = [*("taken", "sent", "acknowledged", "any") * max(1, MESSAGES // 16), "none"]
    killed = 0
    async with delivering() as site:
        killing = site.peer.reply = Killing(chance)
        await site.publish(MESSAGES)
        for number, step in enumerate(steps):
            log = site.folder / f"sender-{number}.log"
            with site.sender(log) as sender:
                outages.reads(log)
                killing.sender, killing.step = sender, step
                if step == "none":
                    await until(site.has_all)
                    await until(site.is_quiet)
                    assert await asyncio.to_thread(sender.stop) == 0
                    break
                await asyncio.to_thread(sender.wait_for, "delivery_started")
                if step in ("taken", "any"):
                    await asyncio.sleep(0 if step == "taken" else chance.uniform(0.1, 1.0))
                    killing.kill()
                await until(lambda: killing.is_over() or site.has_all())
                killed += killing.is_over()
        delivered = await site.check()
    assert killed >= 4
    if MESSAGES == IN_THE_GATE:
        outages.saw("mllp_sender_killed", on=site.title, ends=delivered)


async def test_messages_wait_for_a_peer_that_is_away(delivering, outages):
    async with delivering() as site:
        port = site.peer.port
        log = site.folder / "sender.log"
        with site.sender(log) as sender:
            outages.reads(log)
            await site.publish(PATIENTS)
            await until(site.has_all)
            await site.peer.leave()
            await site.publish(2 * PATIENTS)
            await asyncio.to_thread(sender.wait_for, "peer_lost")
            async with peer_at_work(port=port) as again:
                again.messages, again.accepted = site.peer.messages, site.peer.accepted
                site.peer = again
                await until(site.has_all)
                await asyncio.to_thread(sender.wait_for, "peer_back")
                await until(site.is_quiet)
            assert await asyncio.to_thread(sender.stop) == 0
        delivered = await site.check()
    outages.saw("mllp_peer_away", on=site.title, ends=delivered)


async def test_a_listener_that_is_killed_has_acknowledged_nothing_that_is_not_on_the_broker(broker, tmp_path):
    """Its sender sends each message until it hears AA: what was not acknowledged comes again as the same request."""
    chance = random.Random(SEED)
    port = free_port()
    async with broker.site() as site:
        variables = environment(
            tmp_path,
            BRIDGE_BUS_URL=broker.node.url,
            BRIDGE_BUS_PREFIX=site.prefix,
            BRIDGE_LISTENER_PORT=str(port),
        )
        bus = site.bus()
        await bus.start()
        try:
            await bus.declare(site.queue)
            taken = Taking(take_and_acknowledge)
            await bus.receive(site.queue, taken, concurrency=5)
            listeners = [tmp_path / f"listener-{number}.log" for number in range(3)]
            sending = asyncio.create_task(send_until_accepted(port, MESSAGES))
            for log in listeners:
                with child("bridge", ["mllp", "listen"], environment=variables, output=log) as listener:
                    await asyncio.to_thread(listener.wait_for, "listener_started")
                    if log != listeners[-1]:
                        await asyncio.sleep(chance.uniform(0, 0.2))
                        listener.kill()
                        continue
                    accepted = await sending
                    assert await asyncio.to_thread(listener.stop) == 0
            await until(lambda: {each.id for each in taken.deliveries} == accepted)
        finally:
            await bus.stop(grace=5)
    assert len(accepted) == MESSAGES


async def send_until_accepted(port: int, count: int) -> set[str]:
    """Send messages one after the other, each until it is accepted; the ids of their requests."""
    accepted = set()
    for number in range(count):
        said = ""
        while "MSA|AA|" not in said:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    writer.write(START + adt(control_id=f"M{number}").encode() + END)
                    said = (await reader.readuntil(END)).decode()
                finally:
                    writer.close()
            await asyncio.sleep(0.02)
        accepted.add(said.partition("|request ")[2].partition("\r")[0])
    return accepted
