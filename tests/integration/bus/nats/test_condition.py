"""What the server tells of its streams: limits by which messages would be lost, and its time."""

from typing import Any

import nats
import pytest

from bridge.bus.condition import BusCondition, TellsCondition
from bridge.bus.nats.streams import stream_of
from bridge.operations.surroundings import of_bus
from tests.support.bus_sites import NatsSite

pytestmark = pytest.mark.nats

DAY = 86400.0


async def limited(site: NatsSite, limits: dict[str, dict[str, Any]]) -> BusCondition:
    """What is found once an operator has given these streams (by what follows the prefix) such limits."""
    bus = site.bus()
    assert isinstance(bus, TellsCondition)
    await bus.start()
    try:
        await bus.declare(site.queue)
        client = await nats.connect(site.url)
        for subject, changed in limits.items():
            js = client.jetstream()
            config = (await js.stream_info(stream_of(f"{site.prefix}.{subject}"))).config
            await js.update_stream(config.evolve(**changed))
        await client.close()
        return await bus.condition([site.queue])
    finally:
        await bus.stop(grace=1)


async def test_limits_that_drop_messages_are_told_and_those_that_refuse_are_not(site: NatsSite):
    found = await limited(
        site,
        {
            "structured_record": {"max_msgs": 1000, "discard": "new"},
            "structured_record.wait": {"max_age": 3600.0},
            "structured_record.dead": {"max_msgs": 10, "max_bytes": 4096},
            "events": {"max_age": 30 * DAY, "max_msgs_per_subject": 5, "discard": "new"},
        },
    )
    named = {name.removeprefix(f"{site.prefix}_"): list(limits) for name, limits in found.losing.items()}
    assert named == {
        "structured_record_wait": ["max_age 1:00:00"],
        "structured_record_dead": ["max_msgs 10", "max_bytes 4096"],
        "events": ["max_msgs_per_subject 5"],
    }
    limits, clock = of_bus(found)
    assert not limits.is_good
    assert f"{site.prefix}_structured_record_dead: max_msgs 10, max_bytes 4096" in limits.detail
    assert clock.is_good
    assert clock.detail.endswith("the broker's")


async def test_streams_as_they_are_made_drop_nothing(site: NatsSite):
    limits, clock = of_bus(await limited(site, {}))
    assert (limits.is_good, clock.is_good) == (True, True)


async def test_events_that_go_within_days_are_told(site: NatsSite):
    found = await limited(site, {"events": {"max_age": 2 * DAY}})
    assert list(found.losing.values()) == [["max_age 2 days, 0:00:00"]]


def test_a_clock_that_is_wrong_is_told():
    (_, clock) = of_bus(BusCondition({}, -61.0))
    assert (clock.is_good, clock.detail) == (False, "61.0 s behind the broker's: synchronise both")
