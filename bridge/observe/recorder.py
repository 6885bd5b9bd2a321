"""One way to report what happened: runner, spine, ledger and bus give an event of the vocabulary to `record`.

Whoever listens is a `Recorder`. The first one writes the log; others, for figures or traces, join it by
`recording` for as long as a block runs, in the tasks that begin inside it. A recorder gets each event at
once, in the task in which it happened, so it must not wait for anything. What it raises is told in the log,
and reaches nobody else.
"""

import contextlib
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from functools import cache
from typing import Any, Final, Protocol

from bridge.observe.plain_structlog import structlog
from bridge.observe.redaction import redact
from bridge.observe.vocabulary.base import Level, TelemetryEvent, TextKind, layout
from bridge.observe.vocabulary.process import RecorderFailed

WITHHELD: Final = "[withheld]"
"""In the place of a code that is none: somebody passed free text, which may hold anything."""
_CODE: Final = re.compile(r"[!-~]{0,200}")
_CODES: Final = re.compile(r"[!-~]{0,200}(?:\n[!-~]{0,200})*")


class Recorder(Protocol):
    """Listens to what happens."""

    def record(self, event: TelemetryEvent) -> None:
        """Take note of an event; returns at once."""


class LogRecorder:
    """Writes each event as a line: its name, its fields, and what is bound about the request at hand.

    Fields without a value are left out.
    """

    def __init__(self) -> None:
        self._log = structlog.get_logger()
        self._lines: Lines | None = None

    def write_by(self, lines: "Lines | None") -> None:
        """Write lines directly from now on, as long as structlog is configured as it is now."""
        self._lines = lines

    def record(self, event: TelemetryEvent) -> None:
        """Write the line."""
        level = event.severity
        config = structlog.get_config()
        if not _writes(config["wrapper_class"], level):
            return
        names = layout(type(event)).names
        told = {name: value for name in names if (value := getattr(event, name)) is not None}
        lines = self._lines
        if lines is not None and lines.are_of(config["processors"]):
            lines.write(level, event.name, told)
        else:
            getattr(self._log, level)(event.name, **told)

    def writes_debug(self) -> bool:
        """Whether lines of the level debug are written: mostly not, and most events of a request are such."""
        return _writes(structlog.get_config()["wrapper_class"], "debug")


class Lines(Protocol):
    """Writes lines as structlog would, without going through it: half of what a line costs."""

    def are_of(self, processors: Sequence[object]) -> bool:
        """Whether these processors still come to the same lines."""

    def write(self, level: Level, name: str, told: Mapping[str, Any]) -> None:
        """Write a line."""


def write_lines_by(lines: Lines | None) -> None:
    """Write the lines of events by `lines`, or through structlog again."""
    _LOG.write_by(lines)


@cache
def _writes(wrapper: Any, level: Level) -> bool:
    of_level = getattr(wrapper(None, [], {}), "is_enabled_for", None)
    return of_level is None or bool(of_level(getattr(logging, level.upper())))


_LOG: Final = LogRecorder()
_recorders: ContextVar[tuple[Recorder, ...]] = ContextVar("recorders", default=(_LOG,))
_broken: set[int] = set()


def record(event: TelemetryEvent) -> None:
    """Report what happened. Never raises, whatever a recorder does."""
    try:
        recorders = _listening(event.severity)
        if not recorders:
            return
        event = _safe(event)
        for recorder in recorders:
            try:
                recorder.record(event)
            except Exception as error:  # noqa: BLE001 - who listens must not stop who works
                _tell_of(recorder, error)
    except Exception:  # noqa: BLE001, S110 - as above, and there is nobody to tell
        pass


def is_heard(event: type[TelemetryEvent]) -> bool:
    """Whether anybody listens to such events: what is costly to find out need not be, otherwise."""
    return bool(_listening(event.level))


def _listening(level: Level) -> tuple[Recorder, ...]:
    recorders = _recorders.get()
    if level != "debug" or _LOG.writes_debug():
        return recorders
    return recorders[1:] if recorders[0] is _LOG else recorders


@contextlib.contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Let `recorder` hear what happens inside the block, and in the tasks that begin there."""
    token = _recorders.set((*_recorders.get(), recorder))
    try:
        yield
    finally:
        _recorders.reset(token)


def _tell_of(recorder: Recorder, error: Exception) -> None:
    if recorder is not _LOG and id(recorder) not in _broken:
        _broken.add(id(recorder))
        _LOG.record(RecorderFailed(type(recorder).__name__, type(error).__name__))


def _safe(event: TelemetryEvent) -> TelemetryEvent:
    """The event, without what no field is for: free text in a code, and what redaction hides (JO-033)."""
    held = layout(type(event)).texts
    if not held:
        return event
    codes: list[str] = []
    words: list[str] = []
    for name, kind in held:
        if text := getattr(event, name):
            told = codes if kind == "code" else words
            told.append(text if isinstance(text, str) else "\n".join(text))
    # Nearly always nothing is to be done: one look at all of them together.
    every = "\n".join((*codes, *words))
    if _CODES.fullmatch("\n".join(codes) if words else every) and redact(every) == every:
        return event
    return replace(event, **{name: _clean(getattr(event, name), kind) for name, kind in held})


def _clean(value: Any, kind: TextKind) -> Any:
    if isinstance(value, tuple):
        return tuple(_clean(each, kind) for each in value)
    if value is None or (kind == "code" and not _CODE.fullmatch(value)):
        return value and WITHHELD
    return redact(value)
