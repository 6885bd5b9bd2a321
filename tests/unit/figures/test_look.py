"""A look is shared, bounded in time, and never ends whoever asks."""

import asyncio

from bridge.figures.look import Look


class Place:
    """Somewhere to look, which says what it is told to when it is told to."""

    def __init__(self) -> None:
        self.looks = 0
        self.may_answer = asyncio.Event()
        self.failures: list[str] = []
        self.error: Exception | None = None

    async def look(self) -> int:
        self.looks += 1
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        return self.looks

    def failed(self, error: Exception) -> None:
        self.failures.append(type(error).__name__)


async def test_who_asks_at_the_same_time_shares_one_look():
    place = Place()
    look = Look(place.look, on_failure=place.failed)
    asked = [asyncio.create_task(look()) for _ in range(5)]
    await asyncio.sleep(0)
    place.may_answer.set()
    assert await asyncio.gather(*asked) == [1] * 5
    assert await look() == 1, "what was seen a moment ago is told again"


async def test_a_look_that_takes_too_long_is_given_up_by_who_asked_and_joined_by_the_next():
    place = Place()
    look = Look(place.look, on_failure=place.failed, longest=0.01)
    assert await look() is None
    assert await look() is None
    place.may_answer.set()
    (under_way,) = look.running()
    await under_way
    assert await look() == 1
    assert look.running() == []


async def test_who_gives_up_asking_ends_no_look_of_others():
    place = Place()
    look = Look(place.look, on_failure=place.failed)
    first, second = asyncio.create_task(look()), asyncio.create_task(look())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    place.may_answer.set()
    assert await second == 1


async def test_what_cannot_be_seen_is_unknown_and_looked_for_again():
    place = Place()
    look = Look(place.look, on_failure=place.failed)
    place.may_answer.set()
    place.error = ConnectionError()
    assert await look() is None
    assert place.failures == ["ConnectionError"]
    place.error = None
    assert await look() == 2
