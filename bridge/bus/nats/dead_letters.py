"""Dead letters on NATS: read from their stream by number, deleted by number."""

from collections.abc import AsyncGenerator

from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from bridge.bus import control_headers
from bridge.bus.dead_letters import dead_letter_of, without_try
from bridge.bus.nats.messages import PutBytes, copied_from, stored
from bridge.bus.nats.streams import again, stream_of
from bridge.bus.port import DeadLetter, QueueSpec


class _HeldDeadLetter:
    """A dead letter, by its number in the stream."""

    def __init__(self, js: JetStreamContext, queue: QueueSpec, found: RawStreamMsg, put: PutBytes) -> None:
        self._js, self._put = js, put
        self._again, self._stream = again(queue), stream_of(queue.dead_letters)
        self._number, self._at = found.seq or 0, found.time
        self._body, self._headers = found.data or b"", found.headers or {}
        self.dead_letter: DeadLetter = dead_letter_of(
            stored(self._headers, self._body, key=found.subject or "")
        )

    async def send_again(self, job: str) -> None:
        """Put a copy of it back to work."""
        headers = copied_from(
            self._headers, self._body, stream=self._stream, sequence=self._number, at=self._at
        )
        anew = without_try(headers) | control_headers.for_replay(self.dead_letter.message, job=job)
        await self._put(self._again, self._body, anew)

    async def remove(self) -> None:
        """Delete it from the stream."""
        await self._js.delete_msg(self._stream, self._number)


async def dead_letters_in(
    js: JetStreamContext, queue: QueueSpec, put: PutBytes
) -> AsyncGenerator[_HeldDeadLetter, None]:
    """Each dead letter of the queue that was there at the start, oldest first."""
    stream = stream_of(queue.dead_letters)
    state = (await js.stream_info(stream)).state
    number = state.first_seq
    while number <= state.last_seq:
        try:
            found = await js.get_msg(stream, number, subject=queue.dead_letters, next=True)
        except NotFoundError:  # the rest was removed by somebody else
            return
        number = (found.seq or number) + 1
        if number <= state.last_seq + 1:
            yield _HeldDeadLetter(js, queue, found, put)
