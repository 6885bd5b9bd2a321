"""Header values of AMQP 0-9-1, both ways: whatever a broker can deliver is read, and can be sent on.

The driver reads more than it writes, and where it cannot read a value it ends the connection, with everything
that this worker holds on it; the broker then hands the same message over again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from decimal import Decimal
from struct import error as StructError  # noqa: N812 - pamqp lets it through
from struct import unpack_from
from typing import Any, Final, cast

from pamqp import decode, encode
from pamqp.common import FieldValue

_LONGEST_SHORT: Final = 255
"""Bytes of a short string: every property of a message."""
_IS_LENIENT: Final = ContextVar("reads_leniently", default=False)


def as_text(value: object) -> str | None:
    """A header value as text; None for tables and lists, which only brokers and tools set."""
    match value:
        case bool():
            return str(value).lower()
        case str() | int() | float() | Decimal():
            return str(value)
        case bytes() | bytearray():
            return value.decode("utf-8", "replace")
        case datetime():
            return value.isoformat()
        case _:
            return None


def sendable(value: object) -> FieldValue:
    """The same value in a form that the driver writes: exactly, or as text where it has no exact form.

    Bytes are read as `bytes` and written as `bytearray` only; a double is written with half its digits.
    """
    match value:
        case None | bool() | str():
            return value
        case bytes() | bytearray():
            return bytearray(value)
        case dict():
            return {str(name): sendable(one) for name, one in value.items()}
        case list():
            return [sendable(one) for one in value]
        case _:
            return cast("FieldValue", value) if _is_kept(value) else as_text(value)


def short(text: str | None) -> str | None:
    """A property that fits: one whose bytes were no text is longer once it is."""
    if text is None or len(text.encode()) <= _LONGEST_SHORT:
        return text
    return text.encode()[:_LONGEST_SHORT].decode("utf-8", "ignore")


@contextmanager
def reading_leniently() -> Iterator[None]:
    """Let connections that are opened inside read what the driver would end them for, as long as they last.

    A time outside the calendar (some clocks count microseconds) is read as none, a property that is no UTF-8
    with replacements, and a table that cannot be read as an empty one. The driver has one set of readers for
    the whole process; a connection's task reads, and takes over what is set here when it begins. So whatever
    else of this process uses the driver, as a site's own code may, reads as ever.
    """
    _put_in()
    was = _IS_LENIENT.set(True)
    try:
        yield
    finally:
        _IS_LENIENT.reset(was)


def read_strictly() -> None:
    """For the rest of this task, and what it begins: connections that it opens are a site's own."""
    _IS_LENIENT.set(False)


def _put_in() -> None:
    for name, reader in (("timestamp", _timestamp), ("shortstr", _short_string), ("table", _table)):
        decode.METHODS[name] = cast("Callable[..., Any]", reader)
    decode.TABLE_MAPPING[b"T"] = cast("Callable[..., Any]", _timestamp)


def _is_kept(value: object) -> bool:
    try:
        written = encode.encode_table_value(cast("FieldValue", value))
        _, again = decode.embedded_value(written)
    except (ArithmeticError, TypeError, ValueError, StructError):
        return False
    return again == value or value != value  # noqa: PLR0124 - "not a number" is kept, and equals nothing


def _timestamp(value: bytes) -> tuple[int, datetime | None]:
    try:
        return decode.timestamp(value)
    except (ValueError, OverflowError, OSError):
        if not _IS_LENIENT.get():
            raise
        return 8, None


def _short_string(value: bytes) -> tuple[int, str]:
    try:
        return decode.short_str(value)
    except UnicodeDecodeError:
        if not _IS_LENIENT.get():
            raise
        length = value[0] + 1
        return length, value[1:length].decode("utf-8", "replace")


def _table(value: bytes) -> tuple[int, dict[str, Any]]:
    try:
        return decode.field_table(value)
    except ValueError:
        if not _IS_LENIENT.get():
            raise
        (length,) = unpack_from(">I", value)
        return length + 4, {}
