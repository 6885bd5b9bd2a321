"""What keeps dead letters must do, on every broker: each adapter's test class inherits this."""

from datetime import UTC, datetime, timedelta

from bridge.bus.port import (
    Bus,
    Dead,
    DeadLetter,
    DeadLetterStore,
    Delivery,
    Disposition,
    Done,
    QueueDepth,
    Received,
)
from tests.integration.bus.conformance import Recorder, send, started
from tests.integration.bus.transport import (
    check_copy_without_a_queue_fails_loudly,
    check_original_is_held_beside_its_copy,
)
from tests.support.bus_sites import KEY, Site, until
from tests.support.promises import Promises

REFUSED = Dead("rejected", "data.patient: is required")


async def looked_at(store: DeadLetterStore, site: Site) -> list[DeadLetter]:
    async with store.dead_letters(site.queue) as letters:
        return [held.dead_letter async for held in letters]


async def let_die(bus: Bus, site: Site, *numbers: int) -> None:
    for number in numbers:
        await send(bus, number)
    await until(lambda: _are_dead(bus, site, len(numbers)))


async def _are_dead(bus: Bus, site: Site, count: int) -> bool:
    return await bus.depth(site.queue) == QueueDepth(ready=0, waiting=0, dead=count)


class DeadLetterStoreConformance(Promises):
    """Inherited per adapter; the fixture `site` is its broker."""

    part = "Dead letters"

    async def test_a_dead_letter_says_what_it_is_and_why(self, site: Site):
        async with started(site.bus(), site, Recorder(REFUSED)) as bus:
            await let_die(bus, site, 1)
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
            await let_die(bus, site, 1, 2, 3)
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
            await let_die(bus, site, 1, 2)
            async with bus.dead_letters(site.queue) as letters:
                await anext(letters)
            await until(lambda: _are_dead(bus, site, 2))

    async def test_no_dead_letters_are_no_fault(self, site: Site):
        async with started(site.bus(), site) as bus:
            assert await looked_at(bus, site) == []

    async def test_one_is_removed_and_the_others_stay(self, site: Site):
        async with started(site.bus(), site, Recorder(REFUSED)) as bus:
            await let_die(bus, site, 1, 2, 3)
            async with bus.dead_letters(site.queue) as letters:
                async for held in letters:
                    if held.dead_letter.message.id == "request-2":
                        await held.remove()
            await until(lambda: _are_dead(bus, site, 2))
            assert {letter.message.id for letter in await looked_at(bus, site)} == {"request-1", "request-3"}

    async def test_one_that_is_sent_again_starts_anew_and_stays_until_it_is_removed(self, site: Site):
        handed: list[Delivery] = []

        async def handler(delivery: Delivery) -> Disposition:
            handed.append(delivery)
            return REFUSED if len(handed) == 1 else Done()

        async with started(site.bus(), site, handler) as bus:
            await let_die(bus, site, 1)
            async with bus.dead_letters(site.queue) as letters:
                async for held in letters:
                    await held.send_again("job-1")
            await until(lambda: len(handed) == 2)
            await until(lambda: _are_dead(bus, site, 1))
        original, replayed = handed
        assert (replayed.id, replayed.body, replayed.key) == (original.id, original.body, original.key)
        assert replayed.correlation_id == original.correlation_id
        assert replayed.content_type == original.content_type
        assert replayed.attempt == 1
        assert replayed.headers["x-replay-job"] == "job-1"
        assert not {"x-error-reason", "x-error-detail", "x-dead-at", "x-attempt"} & set(replayed.headers)

    async def test_what_dies_again_is_another_dead_letter(self, site: Site):
        async with started(site.bus(), site, Recorder(REFUSED)) as bus:
            await let_die(bus, site, 1)
            [before] = await looked_at(bus, site)
            async with bus.dead_letters(site.queue) as letters:
                async for held in letters:
                    await held.send_again("job-1")
                    await held.remove()
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

        async def handler(delivery: Delivery) -> Disposition:
            handed.append(delivery)
            return REFUSED if len(handed) == 1 else Done()

        async with started(site.bus(), site, handler) as bus:
            await site.put_foreign(b"x")
            await until(lambda: _are_dead(bus, site, 1))
            async with bus.dead_letters(site.queue) as letters:
                async for held in letters:
                    await held.send_again("job-1")
            await until(lambda: len(handed) == 2)
        assert [delivery.is_named for delivery in handed] == [False, False]

    async def test_dead_letters_of_two_senders_with_one_id_are_two(self, site: Site):
        async with started(site.bus(), site, Recorder(REFUSED)) as bus:
            for source in ("/epr", "/tie"):
                headers = {"ce-id": "1", "ce-source": source}
                await bus.send(KEY, b"{}", id="1", content_type="application/json", headers=headers)
            await until(lambda: _are_dead(bus, site, 2))
            found = await looked_at(bus, site)
        assert len({letter.id for letter in found}) == 2

    async def test_the_original_is_held_beside_the_dead_letter(self, site: Site):
        bus = site.bus()
        store: DeadLetterStore = bus

        async def act(received: Received) -> None:
            await store.keep_dead(site.queue, received, REFUSED)

        async with started(site.bus(), site) as sender:
            original = await check_original_is_held_beside_its_copy(site, bus, sender, act)
            [letter] = await looked_at(sender, site)
        assert (letter.reason, letter.detail, letter.message.id) == ("rejected", REFUSED.detail, original.id)

    async def test_without_a_place_for_it_it_fails_loudly(self, site: Site):
        bus = site.bus()
        store: DeadLetterStore = bus

        async def act(received: Received) -> None:
            await store.keep_dead(site.queue, received, REFUSED)

        await check_copy_without_a_queue_fails_loudly(site, bus, act)
