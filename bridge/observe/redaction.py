"""The one place that keeps patient data out of logs.

Nothing is meant to log an NHS number in the first place; this is the net under that rule. It works on
every value of every log line, also those of libraries, and errs on the side of hiding.
"""

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

# Ten digits, written together or 3-3-4 with blanks or hyphens, also percent-encoded; not part of a longer
# number or of a hash. The check digit is not consulted: a number typed wrongly is still somebody's.
_NHS_NUMBER = re.compile(
    r"(?:(?<![0-9A-Fa-f])|(?<=%[0-9A-Fa-f]{2}))\d{3}(?:[ -]|%20)?\d{3}(?:[ -]|%20)?\d{4}(?![0-9A-Fa-f])"
)
_BEARER = re.compile(r"(?i)\bbearer\s+[\w.~+/-]+=*")
_URL_PASSWORD = re.compile(r"(?<=://)([^/:@\s]+):([^/@\s]+)@")
REDACTED = "[redacted]"


def redact(value: Any) -> Any:
    """`value` with everything that looks like an NHS number, a token or a password hidden."""
    if isinstance(value, str):
        text = _NHS_NUMBER.sub(REDACTED, value)
        text = _BEARER.sub(f"Bearer {REDACTED}", text)
        return _URL_PASSWORD.sub(rf"\1:{REDACTED}@", text)
    if isinstance(value, Mapping):
        return {redact(key): redact(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item) for item in value]
    if isinstance(value, bool | int | float) or value is None:
        return REDACTED if isinstance(value, int) and _NHS_NUMBER.fullmatch(str(value)) else value
    return redact(str(value))


def redact_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Structlog processor: the last one before rendering, after exceptions became text."""
    return {key: redact(value) for key, value in event.items()}
