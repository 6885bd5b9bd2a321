"""The last word before something that changes another side's data leaves: whoever asked for it may forbid it.

Between the decision to send and the first byte lie look-ups, a connection, a handshake; a process may stand
still in any of them. So the decision is made again where the bytes are about to go, and once more before the
body does: half a request does nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class LastWord(Protocol):
    """Whoever may forbid it, and wants to know when it has gone."""

    def check(self) -> None:
        """Whether it may be sent now.

        Raises:
            HeldBack: not any more. Nothing was sent.
        """

    def sent(self) -> None:
        """All of it has been handed to the operating system."""


_last_word: ContextVar[LastWord | None] = ContextVar("last_word", default=None)


@contextmanager
def last_word(held_by: LastWord) -> Iterator[None]:
    """Every call inside the block that changes something asks `held_by` first."""
    token = _last_word.set(held_by)
    try:
        yield
    finally:
        _last_word.reset(token)


def who_forbids(method: str) -> LastWord | None:
    """Who has the last word on a request of this method, where somebody has."""
    return None if method == "GET" else _last_word.get()
