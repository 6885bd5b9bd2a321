"""The ids under which both sides log a call: UUIDs of version 4 as text.

`uuid.UUID` makes the same of the same bytes in three times the time, and each request needs four.
"""

import os
from hashlib import sha256
from typing import Final

_BYTES: Final = 16
_VARIANTS: Final = "89ab"
"""The digit that begins the fourth group has two bits of its own (RFC 9562, section 4.1)."""


def new_trace_id() -> str:
    """Another one each time."""
    return _uuid4(os.urandom(_BYTES))


def trace_id_of(text: str) -> str:
    """The same one for the same text, of which it tells nothing."""
    return _uuid4(sha256(text.encode()).digest()[:_BYTES])


def _uuid4(content: bytes) -> str:
    digits, variant = content.hex(), _VARIANTS[content[8] >> 4 & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
