"""How often somebody may try to sign in: so often by one name, so often from one address, in some minutes."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

_WINDOW: Final = 300.0
"""Seconds in which failures are counted."""
_PER_NAME: Final = 5
_PER_ADDRESS: Final = 20
"""More than of a name: a proxy, or a whole ward, may be one address."""
_MOST: Final = 10_000
"""Names and addresses that are remembered."""


class Attempts:
    """Sign-ins that failed, by name and by address.

    An attempt counts as failed from its beginning, until it has succeeded: however many are made at once, no
    more are tried than may fail.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def begin(self, name: str, address: str) -> bool:
        """Whether this attempt may be made; counted when it may."""
        now = self._clock()
        kinds = ((("name", name.casefold()), _PER_NAME), (("address", address), _PER_ADDRESS))
        if any(len(self._recent(key, now)) >= most for key, most in kinds):
            return False
        for key, _ in kinds:
            self._failed.setdefault(key, deque()).append(now)
            self._failed.move_to_end(key)
        while len(self._failed) > _MOST:
            self._failed.popitem(last=False)
        return True

    def succeeded(self, name: str, address: str) -> None:
        """Forget what failed by this name, and one attempt from this address."""
        self._failed.pop(("name", name.casefold()), None)
        from_here = self._failed.get(("address", address))
        if from_here:
            from_here.pop()

    def _recent(self, key: tuple[str, str], now: float) -> deque[float]:
        failed = self._failed.get(key, deque())
        while failed and now - failed[0] > _WINDOW:
            failed.popleft()
        return failed
