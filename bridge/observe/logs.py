"""Logs on stderr: one line for each thing that happens, joined by the correlation id.

JSON when stderr is not a terminal. Lines of libraries go through the same redaction and rendering.
"""

import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson
from structlog.typing import EventDict, Processor, WrappedLogger

from bridge.observe.about import bound, tell_bound
from bridge.observe.plain_structlog import structlog
from bridge.observe.recorder import write_lines_by
from bridge.observe.redaction import redact
from bridge.observe.trace_context import logged_trace
from bridge.observe.vocabulary.base import Level

# These log addresses, headers or bodies at INFO; the engine's own line per call says what is needed.
_QUIET = (
    "httpx",
    "httpcore",
    "uvicorn",
    "uvicorn.access",
    "uvicorn.error",
    "aio_pika",
    "aiormq",
    "nats",
)
# The exporter of spans logs what a collector answers; what matters of it is an event of ours.
_SILENT = ("opentelemetry", "urllib3")


def _trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The span at hand is nearer than what was bound when the delivery was taken up."""
    event.update(logged_trace())
    return event


def _json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return orjson.dumps(event, default=str).decode()


def _on_a_terminal(*, colours: bool) -> Processor:
    # The other way to tell an error shows the values of variables.
    return structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)


class _JsonLines:
    """The lines that the processors below come to, in one go."""

    def __init__(self, target: TextIO, last: Processor) -> None:
        self._logger = structlog.WriteLogger(target)
        self._last = last

    def are_of(self, processors: Sequence[object]) -> bool:
        """Whether nobody has put other processors in their place."""
        return bool(processors) and processors[-1] is self._last

    def write(self, level: Level, name: str, told: Mapping[str, Any]) -> None:
        """Write a line, with the redaction of all others."""
        line = {**bound(), **told, "event": name, **logged_trace(), "level": level}
        line["timestamp"] = datetime.now(UTC)
        self._logger.msg(redact(orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z).decode()))


def configure_logging(level: str = "info", style: str = "auto", stream: TextIO | None = None) -> None:
    """Set up structlog and the standard library's logging, once per process.

    Args:
        level: debug, info, warning or error.
        style: ``json``, ``console``, or ``auto``: console on a terminal only.
        stream: where to write; stderr when None.
    """
    target = stream or sys.stderr
    console = style == "console" or (style == "auto" and target.isatty())
    common: list[Processor] = [
        tell_bound,
        _trace,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render = _on_a_terminal(colours=target.isatty()) if console else _json

    def finish(logger: WrappedLogger, method: str, event: EventDict) -> str:
        return redact(str(render(logger, method, event)))

    exceptions: list[Processor] = [structlog.processors.format_exc_info] if not console else []
    structlog.configure(
        processors=[*common, *exceptions, finish],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=False,
    )
    write_lines_by(None if console else _JsonLines(target, finish))
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=common,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *exceptions,
                finish,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _SILENT:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
        logging.getLogger(name).propagate = True
