"""What looking at dead letters does on every broker: each adapter's test class inherits this."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.bus.port import Bus, Dead, DeadLetter, Delivery, Done, Outcome, QueueDepth
from tests.integration.bus.conformance import Recorder, send, started
from tests.support.bus_sites import KEY, Site, until

REFUSED = Dead("rejected", "data.patient: is required")


async def looked_at(bus: Bus, site: Site) -> list[DeadLetter]:
    async with bus.letters(site.queue) as letters:
        return [parked.letter async for parked in letters]


async def park(bus: Bus, site: Site, *numbers: int) -> None:
    for number in numbers:
        await send(bus, number)
    await until(lambda: _are_dead(bus, site, len(numbers)))


async def _are_dead(bus: Bus, site: Site, count: int) -> bool:
    return await bus.depth(site.queue) == QueueDepth(ready=0, waiting=0, dead=count)


class LettersConformance:
    """Inherited per adapter; `site` is its broker."""

    @pytest.fixture
    def site(self) -> Any:
        raise NotImplementedError

    async def test_a_letter_says_what_it_is_and_why(self, site: Site):
        async with started(site.bus(), site, Recorder(REFUSED)) as bus:
            await park(bus, site, 1)
            [letter] = await looked_at(bus, site)
        assert (letter.reason, letter.detail) == ("rejected", "data.patient: is required")
        assert letter.dead_at is not None
        assert timedelta(0) <= datetime.now(UTC) - letter.dead_at < timedelta(minutes=1)
        message = letter.message
        assert (message.id, message.key, message.attempt) == ("request-1", KEY, 1)
        assert (message.body, message.content_type) == (b'{"request": 1}', "application/json")
        assert message.correlation_id == "correlation-1"
        assert message.headers["ce-type"] == "record.requested.v1"

    async def test_looking_takes_nothing_and_ids_stay(self, site: Site):
        async with started(site.bus(), site, Recorder(REFUSED)) as bus:
            await park(bus, site, 1, 2, 3)
            first = await looked_at(bus, site)
            again = [await looked_at(bus, site) for _ in range(24)]
            await until(lambda: _are_dead(bus, site, 3))
        assert len({letter.id for letter in first}) == 3
        # Twenty hand-backs are what RabbitMQ 4 allows before it drops a message.
        assert all({letter.id for letter in look} == {letter.id for letter in first} for look in again)
        handed_back = [letter.message.deliveries - 1 for look in again for letter in look]
        assert max(handed_back) <= 10

    async def test_a_look_may_end_early(self, site: Site):
        async with started(site.bus(), site, Recorder(REFUSED)) as bus:
            await park(bus, site, 1, 2)
            async with bus.letters(site.queue) as letters:
                await anext(letters)
            await until(lambda: _are_dead(bus, site, 2))

    async def test_no_letters_are_no_fault(self, site: Site):
        async with started(site.bus(), site) as bus:
            assert await looked_at(bus, site) == []

    async def test_one_is_removed_and_the_others_stay(self, site: Site):
        async with started(site.bus(), site, Recorder(REFUSED)) as bus:
            await park(bus, site, 1, 2, 3)
            async with bus.letters(site.queue) as letters:
                async for parked in letters:
                    if parked.letter.message.id == "request-2":
                        await parked.remove()
            await until(lambda: _are_dead(bus, site, 2))
            assert {letter.message.id for letter in await looked_at(bus, site)} == {"request-1", "request-3"}

    async def test_one_that_is_sent_again_starts_anew_and_stays_until_it_is_removed(self, site: Site):
        handed: list[Delivery] = []

        async def handler(delivery: Delivery) -> Outcome:
            handed.append(delivery)
            return REFUSED if len(handed) == 1 else Done()

        async with started(site.bus(), site, handler) as bus:
            await park(bus, site, 1)
            async with bus.letters(site.queue) as letters:
                async for parked in letters:
                    await parked.send_again("job-1")
            await until(lambda: len(handed) == 2)
            await until(lambda: _are_dead(bus, site, 1))
        original, replayed = handed
        assert (replayed.id, replayed.body, replayed.key) == (original.id, original.body, original.key)
        assert replayed.correlation_id == original.correlation_id
        assert replayed.content_type == original.content_type
        assert replayed.attempt == 1
        assert replayed.headers["x-replay-job"] == "job-1"
        assert not {"x-error-reason", "x-error-detail", "x-dead-at", "x-attempt"} & set(replayed.headers)

    async def test_what_dies_again_is_another_letter(self, site: Site):
        async with started(site.bus(), site, Recorder(REFUSED)) as bus:
            await park(bus, site, 1)
            [before] = await looked_at(bus, site)
            async with bus.letters(site.queue) as letters:
                async for parked in letters:
                    await parked.send_again("job-1")
                    await parked.remove()
            await until(lambda: _are_dead(bus, site, 1))
            [after] = await looked_at(bus, site)
        assert after.message.id == before.message.id
        assert after.message.headers["x-replay-job"] == "job-1"

    async def test_the_body_of_a_sender_without_an_id_is_kept(self, site: Site):
        async with started(site.bus(), site, Recorder(REFUSED)) as bus:
            await site.put_foreign(b"\xff not even text")
            await until(lambda: _are_dead(bus, site, 1))
            first, second = [(await looked_at(bus, site))[0] for _ in range(2)]
        assert first.id == second.id
        assert first.message.body == b"\xff not even text"
        assert not first.message.is_named

    async def test_one_without_an_id_is_still_without_when_it_is_sent_again(self, site: Site):
        handed: list[Delivery] = []

        async def handler(delivery: Delivery) -> Outcome:
            handed.append(delivery)
            return REFUSED if len(handed) == 1 else Done()

        async with started(site.bus(), site, handler) as bus:
            await site.put_foreign(b"x")
            await until(lambda: _are_dead(bus, site, 1))
            async with bus.letters(site.queue) as letters:
                async for parked in letters:
                    await parked.send_again("job-1")
            await until(lambda: len(handed) == 2)
        assert [delivery.is_named for delivery in handed] == [False, False]

    async def test_letters_of_two_senders_with_one_id_are_two(self, site: Site):
        async with started(site.bus(), site, Recorder(REFUSED)) as bus:
            for source in ("/epr", "/tie"):
                headers = {"ce-id": "1", "ce-source": source}
                await bus.send(KEY, b"{}", id="1", content_type="application/json", headers=headers)
            await until(lambda: _are_dead(bus, site, 2))
            found = await looked_at(bus, site)
        assert len({letter.id for letter in found}) == 2
