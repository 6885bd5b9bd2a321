"""What happens, and who is told: the vocabulary, its recorders, the log and its redaction."""

from bridge.observe.calls import CallNote, note_call, noting_calls
from bridge.observe.logs import configure_logging
from bridge.observe.recorder import Recorder, record, recording
from bridge.observe.redaction import redact

__all__ = [
    "CallNote",
    "Recorder",
    "configure_logging",
    "note_call",
    "noting_calls",
    "record",
    "recording",
    "redact",
]
