"""What happens, and who is told: the vocabulary, its recorders, the log and its redaction."""

from bridge.observe.about import about_request, delivery, pipeline_at_hand
from bridge.observe.calls import CallNote, noting_calls
from bridge.observe.logs import configure_logging
from bridge.observe.recorder import Recorder, is_heard, record, recording
from bridge.observe.redaction import redact

__all__ = [
    "CallNote",
    "Recorder",
    "about_request",
    "configure_logging",
    "delivery",
    "is_heard",
    "noting_calls",
    "pipeline_at_hand",
    "record",
    "recording",
    "redact",
]
