"""Logs: set-up and redaction, in one place."""

from bridge.observe.logs import configure_logging
from bridge.observe.redaction import redact

__all__ = ["configure_logging", "redact"]
