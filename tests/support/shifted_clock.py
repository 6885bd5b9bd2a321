"""A clock that a test sets while a process runs: libfaketime between the process and the system's clock.

The library comes from where Debian puts it, else from the distribution's package. Monotonic time is left alone, as
the system leaves it alone when its clock is set.
"""

from pathlib import Path

from tests.support import apt

PACKAGE = "libfaketime"
PLACES = ("/usr/lib", "/usr/local/lib", "/opt/homebrew/lib")


class FaketimeMissingError(Exception):
    """The library that the tests need cannot be found or installed."""


class ShiftedClock:
    """The wall clock of processes that are started with `environment`, in seconds from the system's.

    Args:
        folder: where its file is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._library = _library()
        self._file = folder / "clock"
        self.set(0)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DISABLE_SHM": "1",
        }

    def set(self, seconds: float) -> None:
        """From now on the clock is so many seconds ahead of the system's."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+}\n")
        new.replace(self._file)


def installed() -> Path | None:
    found = (path for place in PLACES for path in Path(place).glob("**/faketime/libfaketime.so.1"))
    return next(found, None)


def _library() -> Path:
    found = apt.provided(PACKAGE, installed)
    if found is None:
        raise FaketimeMissingError("no libfaketime: install the package libfaketime")
    return found
