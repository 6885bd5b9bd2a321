"""Notices a message that ends each connection it is handed over on, and has all taken one by one meanwhile.

RabbitMQ takes messages over AMQP 1.0 that have no form in AMQP 0-9-1, and ends the connection of whoever it
hands one to. It counts that as one more delivery of all that the connection had in hand, and parks what comes
to twenty. Taken one by one, only that message is in hand when a connection ends, and it alone comes to that
number: nothing else is parked beside it, or stands behind it among the dead letters, which nobody can read
from there on.

What is taken from another queue of the same connection is counted too, while it is worked on: one message at
most. Should it be parked, it is taken up again (`bridge.bus.rabbit.parked_by_broker`).

=============================================  ======================================================
connections end soon, `ENOUGH` times in a row  one by one, from the next connection on
one ends that held what had come often before  the same: with many workers each sees a few ends only
one ends soon after that was over              the same, for twice as long: it may wait behind slow ones
none ended for a while                         as many at a time as before, on a new connection
=============================================  ======================================================

A broker that says it shuts down is not taken for one that stumbles over a message.
"""

import time
from typing import Final

from aiormq.exceptions import ConnectionClosed

from bridge.observe import record
from bridge.observe.vocabulary.bus import OneByOneBegun, OneByOneEnded

ENOUGH: Final = 2
"""So many connections in a row that ended soon; the first one, of which the message was taken, may be old."""
_SOON: Final = 10.0
"""Seconds after a connection took up consuming; the broker hands over at once."""
_OFTEN: Final = 5
"""Deliveries of one message that show that something beside it ends connections, or it does."""
_REMEMBERED: Final = 600.0
"""Seconds after all was taken together again in which one end is enough; and the longest time without one."""
_SHUTS_DOWN: Final = 320


class Caution:
    """Whether messages are taken one by one; for one connection and those that it is restored to.

    Args:
        quiet: seconds without an end after which as many as before are taken at a time.
    """

    def __init__(self, *, quiet: float) -> None:
        self._first_quiet = self._quiet = quiet
        self.is_on = False
        self._began: float | None = None
        """When the connection of this moment took up consuming."""
        self._ends = 0
        self._came_often = False
        self._was_on_until: float | None = None

    def at_once(self, wanted: int) -> int:
        """How many messages a channel takes at a time that is to take so many; 0 is one without a limit."""
        return min(wanted, 1) if self.is_on else wanted

    def began(self) -> None:
        """A connection is there, and its consumers in a moment."""
        self._began = time.monotonic()
        self._came_often = False

    def took(self, deliveries: int) -> None:
        """A message was handed over, for the `deliveries`-th time."""
        if deliveries >= _OFTEN:
            self._came_often = True

    def ended(self, error: BaseException | None) -> None:
        """The connection has ended, and not by us.

        Args:
            error: of the driver.
        """
        began, self._began = self._began, None
        if began is None:  # there were no consumers yet, or we ended it ourselves
            return
        if isinstance(error, ConnectionClosed) and error.args[:1] == (_SHUTS_DOWN,):
            self._ends = 0
            return
        now = time.monotonic()
        self._ends = self._ends + 1 if now - began < _SOON else 0
        was_on = self._was_on_until is not None and now - self._was_on_until < _REMEMBERED
        if not self.is_on and (self._ends >= ENOUGH or self._came_often or was_on):
            self.is_on = True
            self._quiet = min(2 * self._quiet, _REMEMBERED) if was_on else self._first_quiet
            record(OneByOneBegun(type(error).__name__))

    def is_over(self) -> bool:
        """Whether nothing has ended for so long that all may be taken together again."""
        return self.is_on and self._began is not None and time.monotonic() - self._began >= self._quiet

    def end(self) -> None:
        """Take as many as before, from the next connection on: this one is to be ended by whoever calls."""
        self.is_on = False
        self._ends = 0
        self._began = None
        self._was_on_until = time.monotonic()
        record(OneByOneEnded())
