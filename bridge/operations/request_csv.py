"""Lists of requests as CSV (RFC 4180), for a spreadsheet that takes nothing in it for a formula."""

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from bridge.ledger.storage.listing import RequestLine
from bridge.record.dates import rfc3339

COLUMNS: Final = (
    *("received_at", "outcome", "code", "pipeline", "operation", "practice_ods", "own_id", "source"),
    *("correlation_id", "attempts", "duration_ms", "stage", "upstream", "detail", "dead_letter"),
    *("asked_at", "ended_at", "wait_until", "request_key"),
)
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")


def as_csv(lines: Iterable[RequestLine]) -> str:
    """A line of headings, then one for each request."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows([cell(getattr(line, name)) for name in COLUMNS] for line in lines)
    return text.getvalue()


def cell(value: object) -> str:
    """As text; what a spreadsheet would run begins with an apostrophe, which it shows as text."""
    if value is None:
        return ""
    text = rfc3339(value) if isinstance(value, datetime) else str(value)
    return f"'{text}" if text.startswith(_FORMULAS) else text
