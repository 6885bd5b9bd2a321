"""What an operator has of HL7 v2: the doctor, dead letters that are sent again, and the balance."""

import json
from uuid import uuid4

import pytest

from bridge.bus import open_bus
from bridge.engine.mllp.rendered import HL7V2_DELIVERY, delivery_queue
from bridge.engine.mllp.running import delivering
from bridge.operations import dead_letter_jobs, dead_letters
from bridge.operations.doctor import examine
from bridge.operations.reconciliation import reconcile
from bridge.operations.site import open_queues, open_stores, operator
from bridge.testing import site
from tests.support.bus_sites import until
from tests.support.mllp import (
    END,
    START,
    TOPIC,
    a31,
    accept,
    acknowledgement,
    environment,
    event,
    peer_at_work,
    settings_of,
)
from tests.support.ports import free_port


@pytest.mark.nats
async def test_what_the_peer_refused_is_sent_again_by_a_job_once_it_is_mended(nats_url, tmp_path):
    mended: list[bool] = []

    def reply(message, times):
        if mended:
            return accept(message, times)
        text = "|no such patient|\rERR||PID^1^3|204^Unknown key^HL70357|E"
        return START + acknowledgement(message, "AR", more=text) + END

    async with peer_at_work(reply) as peer:
        settings = settings_of(
            tmp_path,
            BRIDGE_BUS_URL=nats_url,
            BRIDGE_BUS_PREFIX=f"t{uuid4().hex[:8]}",
            BRIDGE_MLLP_PEER=f"mllp://127.0.0.1:{peer.port}",
        )
        told = event(a31("M1"))
        async with open_bus(settings) as bus, delivering(settings, bus):
            await bus.publish(
                TOPIC, json.dumps(told).encode(), id=told["id"], content_type="application/cloudevents+json"
            )

            async def is_dead() -> bool:
                return (await bus.depth(delivery_queue(settings.bus.prefix))).dead == 1

            await until(is_dead)
            async with open_stores(settings) as stores, open_queues(settings, [HL7V2_DELIVERY]) as queues:
                [cause] = (await dead_letters.by_cause(queues)).groups
                assert (cause.reason, cause.detail) == (
                    "peer_rejected",
                    "AR 204 unknown key identifier at PID-3",
                )
                mended.append(True)
                actor = operator(settings, "sample")
                job, _found = await dead_letter_jobs.plan(
                    stores, queues, "replay", reason=None, limit=None, actor=actor
                )
                job = await dead_letter_jobs.confirm(
                    stores, job.id, "replay", actor=actor, reason="the interface engine was mended"
                )
                await dead_letter_jobs.run(stores, job, rate=100, progress=lambda _count: None)
                await until(lambda: peer.control_ids == ["M1", "M1"])

                async def holds() -> bool:
                    [account] = (await reconcile(stores, queues)).accounts
                    return account.holds and (account.balance.completed, account.balance.failed) == (1, 1)

                await until(holds)


async def test_the_doctor_connects_to_the_peer_and_reads_the_directory_of_users(tmp_path):
    users = environment(tmp_path)["BRIDGE_LISTENER_USERS_FILE"]

    async def checked(url: str) -> list[tuple[str, bool, str]]:
        async with site({"BRIDGE_MLLP_PEER": url, "BRIDGE_LISTENER_USERS_FILE": users}) as ours:
            found = await examine(ours.settings)
        wanted = ("HL7 v2 peer", "directory of users")
        return [(one.what, one.is_good, one.detail) for one in found if one.what in wanted]

    async with peer_at_work() as peer:
        assert await checked(f"mllp://127.0.0.1:{peer.port}") == [
            ("HL7 v2 peer", True, "connected, without TLS"),
            ("directory of users", True, "1 users"),
        ]
        assert peer.messages == []
    [peer_check, _users] = await checked(f"mllp://127.0.0.1:{free_port()}")
    assert peer_check == ("HL7 v2 peer", False, "connect_failed")
