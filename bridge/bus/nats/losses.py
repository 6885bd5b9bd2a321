"""What a NATS server no longer holds although nobody took it, seen in the numbers that it gives to messages.

A server that finds a file of a stream damaged goes on with what stands before the damage, and gives the
numbers of what it dropped to new messages. It shows in this:

============================================  ====================================================
the last number is below one that we know of  what was behind it is gone, worked on or not
numbers that nobody was given are not there   those messages are gone; or somebody deleted them
============================================  ====================================================

Only who was there before and after can tell: the process keeps in mind what it has seen, and what the server
confirmed to it. Nothing can be done about it here but to say so: workers go on with what is there.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Final

from nats.aio.client import Client
from nats.errors import Error
from nats.js.api import PubAck

from bridge.bus.nats.consumers import ask_server
from bridge.bus.nats.streams import CONSUMER, stream_of
from bridge.observe import record
from bridge.observe.vocabulary.bus import StoredMessagesLost
from bridge.values import dataclass

_A_MOMENT: Final = 1.0
"""Seconds in which a server that leads a stream since a moment ago comes to know all that is in it."""


@dataclass(frozen=True, slots=True)
class _Numbers:
    """What a server says of one stream and its consumer at one moment.

    Attributes:
        made: when the stream was made, and its consumer, in the server's words.
        last: the last number that was given.
        missing: numbers that nobody was given, and that no message has; 0 where there is no consumer.
    """

    made: tuple[str, str]
    last: int
    missing: int = 0


@dataclass(slots=True)
class _StreamSeen:
    """What this process knows of a stream from before; `suspected` is what was missing at the last look."""

    made: tuple[str, str] = ("", "")
    last: int = 0
    missing: int = 0
    suspected: int = 0


class Losses:
    """Looks at streams now and then.

    Args:
        client: of the bus.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, _StreamSeen] = {}
        self._soon = asyncio.Event()

    def published(self, told: PubAck) -> None:
        """The server has confirmed a message."""
        known = self._known.setdefault(told.stream, _StreamSeen())
        known.last = max(known.last, told.seq)

    def look_soon(self) -> None:
        """The server may be another one than before, or have been started anew."""
        self._soon.set()

    async def watch(self, pulled_from: Callable[[], Iterable[str]], interval: float) -> None:
        """Look at each stream, now and every `interval` seconds; runs until it is cancelled.

        Args:
            pulled_from: subjects after which the streams are named that are taken from at that moment.
            interval: seconds.
        """
        while True:
            taken = {stream_of(subject) for subject in pulled_from()}
            for stream in taken | self._known.keys():
                with contextlib.suppress(Error, OSError, TimeoutError):  # it is away, or the stream is
                    await self._look(stream, has_consumer=stream in taken)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(interval):
                    await self._soon.wait()
            self._soon.clear()

    async def _look(self, stream: str, *, has_consumer: bool) -> None:
        known = self._known.setdefault(stream, _StreamSeen())
        highest = known.last  # what is confirmed while we ask may not be in the answer
        found = await self._ask(stream, has_consumer=has_consumer)
        if found is not None and found.last < highest and known.made[0] in ("", found.made[0]):
            await asyncio.sleep(_A_MOMENT)
            found = await self._ask(stream, has_consumer=has_consumer)
            if found is not None and found.last < highest:
                record(StoredMessagesLost(stream, highest - found.last, seen="numbers_given_again"))
                known.last = found.last
        if found is None:
            return
        if known.made != found.made:  # or seen for the first time: what is missing is nobody's news
            self._known[stream] = _StreamSeen(found.made, found.last, found.missing)
            return
        known.last = max(known.last, found.last)
        # Of a cluster one server tells of the stream and another of the consumer, which may lag: twice, then.
        confirmed = min(found.missing, known.suspected)
        if confirmed > known.missing:
            record(StoredMessagesLost(stream, confirmed - known.missing, seen="never_handed_over"))
            known.missing = confirmed
        known.missing = min(known.missing, found.missing)
        known.suspected = found.missing

    async def _ask(self, stream: str, *, has_consumer: bool) -> _Numbers | None:
        """Of one moment; None when something happened while we asked.

        Raises:
            nats.errors.Error: there is no answer, or no such stream or consumer.
        """
        told = await ask_server(self._client, f"STREAM.INFO.{stream}", b"")
        last = told["state"]["last_seq"]
        if not has_consumer:
            return _Numbers((told["created"], ""), last)
        consumer = await ask_server(self._client, f"CONSUMER.INFO.{stream}.{CONSUMER}", b"")
        after = await ask_server(self._client, f"STREAM.INFO.{stream}", b"")
        if after["state"]["last_seq"] != last:
            return None
        missing = last - consumer["delivered"]["stream_seq"] - consumer["num_pending"]
        return _Numbers((told["created"], consumer["created"]), last, max(0, missing))
