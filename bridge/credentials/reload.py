"""Secrets and certificates in files: read again when the files change, without a restart."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Generic, TypeVar

from bridge.errors import Misconfigured
from bridge.observe import record
from bridge.observe.vocabulary.upstreams import ReloadRefused, SecretReloaded

_Value = TypeVar("_Value")
_Stamp = tuple[tuple[int, int, int] | None, ...]

_LOOK_EVERY: Final = 1.0
"""Seconds between two looks at the files."""


class Reloaded(Generic[_Value]):
    """What was made of some files; made anew when one of them changes.

    New files that are not what they should be change nothing: what was made of the old ones stays in use,
    and the fault is logged once. So a certificate and its key may be replaced one after the other.

    Args:
        name: of the secret, for the log.
        files: that it is made of; None stands for one that is not configured.
        make: makes it; raises `Misconfigured` when a file is not what it should be.
        clock: seconds, monotonic.

    Raises:
        Misconfigured: the first time, when there is nothing older to go on with.
    """

    def __init__(
        self,
        name: str,
        files: Iterable[Path | None],
        make: Callable[[], _Value],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._files = tuple(file for file in files if file is not None)
        self._make = make
        self._clock = clock
        self._stamp = self._look()
        self._looked_at = clock()
        self._value = make()

    def __call__(self) -> _Value:
        """The value as the files are now, or were a moment ago."""
        now = self._clock()
        if now - self._looked_at >= _LOOK_EVERY:
            self._looked_at = now
            stamp = self._look()
            if stamp != self._stamp:
                # Taken before the files are read: what changes meanwhile is seen the next time.
                self._stamp = stamp
                self._reload()
        return self._value

    def _reload(self) -> None:
        try:
            self._value = self._make()
        except Misconfigured as fault:
            record(ReloadRefused(self._name, fault.problems))
        else:
            record(SecretReloaded(self._name))

    def _look(self) -> _Stamp:
        return tuple(_stamp(file) for file in self._files)


def _stamp(file: Path) -> tuple[int, int, int] | None:
    """What changes with the file; a mounted secret is another file (inode) behind the same name."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
