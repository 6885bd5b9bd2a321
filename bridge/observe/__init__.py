"""Logs, and notes of calls: set-up and redaction, in one place."""

from bridge.observe.calls import CallNote, note_call, noting_calls
from bridge.observe.logs import configure_logging
from bridge.observe.redaction import redact

__all__ = ["CallNote", "configure_logging", "note_call", "noting_calls", "redact"]
