"""Consumers that somebody else has made, changed or deleted."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.bus.nats.consumers import differences, needed
from bridge.bus.port import Done, RetryAfter
from bridge.errors import Misconfigured
from tests.integration.bus.conformance import Recorder, send, started
from tests.support.bus_sites import NatsSite, until

pytestmark = pytest.mark.nats


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("ack_wait", 60.0, "ack_wait is 60 s, must be 1.5 s"),
        ("max_deliver", 3, "max_deliver is 3, must be -1"),
        ("max_ack_pending", 1, "max_ack_pending is 1, must be -1"),
        ("backoff", [1.0], "backoff is 1 s, must be unset"),
        ("filter_subject", "{prefix}.requests.x", "filter_subject is {prefix}.requests.x, must be unset"),
        ("headers_only", True, "headers_only is true, must be unset"),
        ("inactive_threshold", 600.0, "inactive_threshold is 600 s, must be unset"),
    ],
)
async def test_what_the_server_changes_is_put_right_and_told(
    site: NatsSite, setting: str, value: Any, told: str
) -> None:
    value = value.format(prefix=site.prefix) if isinstance(value, str) else value
    async with started(site.bus(), site):
        more = {"max_deliver": 3} if setting == "backoff" else {}
        await site.make_consumer(**{setting: value}, **more, description="ours", metadata={"owner": "IT"})
    with capture_logs() as logs:
        async with started(site.bus(), site, handler := Recorder()) as bus:
            await send(bus)
            await handler.saw(1)
            found = await site.consumer()
    [changed] = [line for line in logs if line["event"] == "consumer_changed"]
    assert changed["stream"] == site.queue.name.replace(".", "_")
    assert told.format(prefix=site.prefix) in changed["detail"]
    assert (found.max_deliver, found.ack_wait, found.max_ack_pending) == (-1, 1.5, -1)
    # What the bus does not need is whoever's it is.
    assert found.description == "ours"
    assert (found.metadata or {}).get("owner") == "IT"


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("replay_policy", "original", "replay_policy is original, must be instant"),
        ("deliver_subject", "elsewhere", "deliver_subject is elsewhere, must be unset"),
    ],
)
async def test_what_the_server_does_not_change_ends_the_start_with_a_list(
    site: NatsSite, setting: str, value: str, told: str
) -> None:
    async with started(site.bus(), site) as bus:
        await send(bus)
        await site.delete_consumer()
        await site.make_consumer(**{setting: value})
    with pytest.raises(Misconfigured) as refused:
        async with started(site.bus(), site):
            pass
    assert f"its consumer 'worker' cannot be used: {told}; delete the consumer" in str(refused.value)
    await site.delete_consumer()
    async with started(site.bus(), site, handler := Recorder()):
        [delivery] = await handler.saw(1)  # as the advice says, nothing is lost
    assert delivery.id == "request-1"


async def test_a_consumer_that_is_as_it_must_be_is_left_alone(site: NatsSite) -> None:
    with capture_logs() as logs:
        for _ in range(2):
            async with started(site.bus(), site):
                pass
    assert not [line for line in logs if line["event"].startswith("consumer")]


@pytest.mark.parametrize(("deleted", "queue"), [("", "{queue}"), ("_wait", "{queue}.wait")])
async def test_a_consumer_deleted_at_work_is_noticed_and_made_again(
    site: NatsSite, deleted: str, queue: str
) -> None:
    """What is in hand is not handed to a second handler; what waits comes back."""
    handler = Recorder(RetryAfter(0.5, "again"), Done())
    with capture_logs() as logs:
        async with started(site.bus(watch_interval=2.0), site, handler) as bus:
            await send(bus, 1)
            await handler.saw(1)
            assert await bus.ready()
            await site.delete_consumer(deleted)
            assert not await bus.ready()
            await send(bus, 2)
            await handler.saw(4)
            await until(bus.ready)
    assert sorted((one.id, one.attempt) for one in handler.deliveries) == [
        ("request-1", 1),
        ("request-1", 2),
        ("request-2", 1),
        ("request-2", 2),
    ]
    [made] = [line for line in logs if line["event"] == "consumer_made_again"]
    assert made["queue"] == queue.format(queue=site.queue.name)


async def test_settings_changed_at_work_are_put_right(site: NatsSite) -> None:
    async with started(site.bus(watch_interval=0.2), site, Recorder()):
        await site.make_consumer(max_deliver=3)

        async def is_right() -> bool:
            found = await site.consumer()
            return (found.max_deliver, found.ack_wait) == (-1, 1.5)

        await until(is_right)


def test_a_consumer_may_bound_pulls_that_are_longer_than_ours() -> None:
    made = {**needed(ack_wait=15), "priority_policy": "none"}
    assert differences(made, ack_wait=15) == []
    assert differences({**made, "max_expires": 30 * 10**9}, ack_wait=15) == []
    [short] = differences({**made, "max_expires": 10**9}, ack_wait=15)
    assert str(short) == "max_expires is 1 s, must be unset"
    assert short.can_change
