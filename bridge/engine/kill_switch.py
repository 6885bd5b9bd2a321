"""The switch that stops automated retries at once: a file that an operator makes, and removes again.

===================  ==================================================================
the file             stops
===================  ==================================================================
is not there         nothing
is empty             every retry of every pipeline
names pipelines      their retries; one name a line
cannot be read       every retry: who made it wanted something stopped
===================  ==================================================================
"""

from pathlib import Path

from bridge.observe import record
from bridge.observe.vocabulary.process import KillSwitchUnreadable, RetriesAllowed, RetriesStopped
from bridge.settings import Settings

_DEFAULT_NAME = "stop-retries"


class KillSwitch:
    """Reads the file at the moment a retry fires; only its state is looked at while it does not change.

    Args:
        file: where an operator puts it.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stamp: tuple[int, int, int] | None = None
        self._everything = False
        self._pipelines: frozenset[str] = frozenset()

    @classmethod
    def of(cls, settings: Settings) -> "KillSwitch":
        """The switch of an installation."""
        return cls(switch_file(settings))

    def retries_stopped(self, pipeline: str) -> bool:
        """Whether no retry of this pipeline may be made now."""
        try:
            found = self._file.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp != self._stamp:
                self._read()
                self._stamp = stamp
        except (FileNotFoundError, NotADirectoryError):
            self._clear()
        except OSError as error:
            self._stamp = None  # read it again the next time
            if not self._everything:
                record(KillSwitchUnreadable(type(error).__name__))
            self._everything = True
        return self._everything or pipeline in self._pipelines

    def _read(self) -> None:
        text = self._file.read_text(encoding="utf-8", errors="replace")
        self._pipelines = frozenset(name for line in text.splitlines() if (name := line.strip()))
        self._everything = not self._pipelines
        record(RetriesStopped(tuple(sorted(self._pipelines)) or ("all",)))

    def _clear(self) -> None:
        if self._everything or self._pipelines:
            record(RetriesAllowed())
        self._stamp, self._everything, self._pipelines = None, False, frozenset()


def switch_file(settings: Settings) -> Path:
    """Where the switch of an installation is looked for."""
    return settings.retry.switch_file or settings.state_dir / _DEFAULT_NAME
