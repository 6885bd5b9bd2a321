"""One message on its way into a stream, until the server holds it: it, and not another of the same name.

The server drops what has the `Nats-Msg-Id` of a message that came within two minutes, and acknowledges it as
a ``duplicate``. What that means depends on who named it:

========================================  ================================================================
a copy of ours                            it is there: copies are named after what they are copied from
an event or a request, at its first try   somebody asks again, or another sender used the name: sent once
                                          more, under a name of its own
an event, at a later try                  the try before may have come through: what is stored under the
                                          name is compared; is it another, or gone, the event is sent as above
a request, at a later try                 it is there, or was taken: requests are named by all they say
========================================  ================================================================
"""

import secrets
from collections.abc import Mapping
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import PubAck
from nats.js.errors import NoStreamResponseError, NotFoundError

from bridge.bus.backoff import CONFIRM_TIMEOUT
from bridge.bus.nats.messages import is_named_by_content, sent_again

_NONCE: Final = 8
"""Bytes."""


class Publication:
    """A message that is published until it is held.

    Args:
        js: connected.
        subject: where to.
        body: as it is.
        headers: with the name that the server knows it by.
        is_copy: whether it is a copy of ours.
    """

    def __init__(
        self, js: JetStreamContext, subject: str, body: bytes, headers: Mapping[str, str], *, is_copy: bool
    ) -> None:
        self._js, self._subject, self._body = js, subject, body
        self._headers = dict(headers)
        self.is_copy = is_copy
        self.held: PubAck | None = None
        """What the server said of it, once it has it."""
        self._tries = 0

    async def put(self) -> None:
        """Publish it, confirmed; to be called again after whatever waiting cures.

        Raises:
            NotFoundError: no stream takes the subject.
            nats.errors.Error: of the driver.
        """
        self._tries += 1
        try:
            told = await self._publish()
            if told.duplicate and not await self._is_held(told):
                self._headers = sent_again(self._headers, nonce=secrets.token_hex(_NONCE))
                told = await self._publish()
            self.held = told
        except NoStreamResponseError:
            # Also what a cluster without a leader answers: ask before calling it unroutable.
            await self._js.find_stream_name_by_subject(self._subject)
            raise

    async def _publish(self) -> PubAck:
        return await self._js.publish(
            self._subject, self._body, timeout=CONFIRM_TIMEOUT, headers=self._headers
        )

    async def _is_held(self, told: PubAck) -> bool:
        """Whether the message that the server has under this name is this one."""
        if self.is_copy:
            return True
        if self._tries == 1:
            return False
        if is_named_by_content(self._headers):
            return True
        try:
            stored = await self._js.get_msg(told.stream, told.seq)
        except NotFoundError:
            return False
        # The driver trims what it writes, and reads it trimmed.
        written = {name: value.strip() for name, value in self._headers.items()}
        return (stored.subject, stored.data or b"", stored.headers or {}) == (
            self._subject,
            self._body,
            written,
        )
