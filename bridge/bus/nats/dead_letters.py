"""Dead letters on NATS: read from their stream by number, deleted by number."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from bridge.bus import control_headers
from bridge.bus.dead_letters import dead_letter_of, without_try
from bridge.bus.nats.messages import copied_from, stored
from bridge.bus.port import DeadLetter

Put = Callable[[bytes, Mapping[str, str]], Awaitable[None]]
"""Publishes a body with its headers to the work queue, confirmed."""


class _HeldDeadLetter:
    """A letter, by its number in the stream."""

    def __init__(self, js: JetStreamContext, stream: str, found: RawStreamMsg, put: Put) -> None:
        self._js, self._stream, self._put = js, stream, put
        self._number, self._at = found.seq or 0, found.time
        self._body, self._headers = found.data or b"", found.headers or {}
        self.letter: DeadLetter = dead_letter_of(stored(self._headers, self._body, key=found.subject or ""))

    async def send_again(self, job: str) -> None:
        """Put a copy of it back to work."""
        headers = copied_from(
            self._headers, self._body, stream=self._stream, sequence=self._number, at=self._at
        )
        again = without_try(headers) | control_headers.for_replay(self.letter.message, job=job)
        await self._put(self._body, again)

    async def remove(self) -> None:
        """Delete it from the stream."""
        await self._js.delete_msg(self._stream, self._number)


async def letters_in(
    js: JetStreamContext, stream: str, subject: str, put: Put
) -> AsyncGenerator[_HeldDeadLetter, None]:
    """Each letter of the stream that was there at the start, oldest first."""
    state = (await js.stream_info(stream)).state
    number = state.first_seq
    while number <= state.last_seq:
        try:
            found = await js.get_msg(stream, number, subject=subject, next=True)
        except NotFoundError:  # the rest was removed by somebody else
            return
        number = (found.seq or number) + 1
        if number <= state.last_seq + 1:
            yield _HeldDeadLetter(js, stream, found, put)
