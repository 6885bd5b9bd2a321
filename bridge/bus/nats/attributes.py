"""CloudEvents attributes in headers of NATS: percent-encoded, as section 3.1.3.2 of the binding has it.

The driver trims values and turns line breaks into blanks; what is encoded comes through as it is.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, unquote

_PREFIX: Final = "ce-"
_KEPT: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
_ESCAPED: Final = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*")


def encoded(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers to write: values of attributes in visible ASCII, without quotes."""
    return {
        name: quote(value, safe=_KEPT) if _is_attribute(name) else value for name, value in headers.items()
    }


def decoded(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers as they are meant; a value that was not encoded, as of some clients, is as it stands."""
    return {name: _plain(value) if _is_attribute(name) else value for name, value in headers.items()}


def _is_attribute(name: str) -> bool:
    return name[: len(_PREFIX)].lower() == _PREFIX


def _plain(value: str) -> str:
    if "%" not in value or not _ESCAPED.fullmatch(value):
        return value
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        return value
