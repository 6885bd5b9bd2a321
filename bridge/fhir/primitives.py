"""FHIR STU3 primitives as JSON: which type of JSON value each is, and how it must be written.

Source: FHIR STU3 (3.0.2), Data Types, Primitive Types.
"""

import re
from collections.abc import Callable
from datetime import date
from typing import Any, Final

_DATE = r"-?\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?"
_CLOCK = r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"
_ZONE = r"(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00))"

_PATTERNS: Final[dict[str, tuple[re.Pattern[str], str]]] = {
    "Id": (re.compile(r"[A-Za-z0-9\-.]{1,64}"), "an id is 1 to 64 letters, digits, hyphens and dots"),
    "Code": (re.compile(r"\S+(\s\S+)*"), "a code has no blanks around it, and single ones inside"),
    "Uri": (re.compile(r"\S+"), "a uri holds no blanks"),
    "Oid": (re.compile(r"urn:oid:[0-2](\.(0|[1-9]\d*))+"), "an oid is written urn:oid:1.2.3"),
    "Date": (re.compile(_DATE), "a date is written YYYY, YYYY-MM or YYYY-MM-DD"),
    "DateTime": (
        re.compile(rf"\d{{4}}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01])(T{_CLOCK}{_ZONE})?)?)?"),
        "a dateTime is written YYYY-MM-DDThh:mm:ss and a zone (+hh:mm or Z), or as a date",
    ),
    "Instant": (
        re.compile(rf"\d{{4}}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T{_CLOCK}{_ZONE}"),
        "an instant is written YYYY-MM-DDThh:mm:ss and a zone (+hh:mm or Z)",
    ),
    "Time": (re.compile(_CLOCK), "a time is written hh:mm:ss"),
    "Xhtml": (re.compile(r"\s*<div[\s>].*</div>\s*", re.DOTALL), "a narrative is one div"),
    "Base64Binary": (
        re.compile(r"\s*([0-9A-Za-z+/]\s*){4,}=?\s*=?\s*"),
        "base64 holds letters, digits, +, / and closing =",
    ),
}
_OF_DAYS: Final = frozenset({"Date", "DateTime", "Instant"})
_WHOLE_DAY: Final = 10
_NOT_TEXT: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "Boolean": (lambda value: isinstance(value, bool), "must be true or false, not in quotes"),
    "Decimal": (
        lambda value: isinstance(value, int | float) and not isinstance(value, bool),
        "must be a number, not in quotes",
    ),
    "Integer": (
        lambda value: isinstance(value, int) and not isinstance(value, bool),
        "must be a whole number, not in quotes",
    ),
    "UnsignedInt": (
        lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0,
        "must be a whole number of 0 or more, not in quotes",
    ),
    "PositiveInt": (
        lambda value: isinstance(value, int) and not isinstance(value, bool) and value > 0,
        "must be a whole number above 0, not in quotes",
    ),
}


def broken_rule(kind: str, value: object) -> str | None:
    """The rule that a value of a primitive type breaks, in words; None when it is right.

    Args:
        kind: ``Boolean``, ``DateTime``, …; one that is not known here is text.
        value: any JSON value but null.
    """
    if kind in _NOT_TEXT:
        is_right, rule = _NOT_TEXT[kind]
        return None if is_right(value) else rule
    if not isinstance(value, str):
        return "must be text in quotes"
    if not value.strip():
        return "must not be empty"
    return _misspelt(kind, value)


def _misspelt(kind: str, text: str) -> str | None:
    pattern, rule = _PATTERNS.get(kind, (None, ""))
    if pattern is not None and pattern.fullmatch(text) is None:
        return rule
    if kind == "Base64Binary" and sum(not letter.isspace() for letter in text) % 4:
        return "base64 comes in groups of four characters"
    if kind in _OF_DAYS and len(text) >= _WHOLE_DAY and not _is_day(text[:_WHOLE_DAY]):
        return "is no day of the calendar"
    return None


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return text.startswith(("-", "0000"))  # years that the calendar of this language does not know
    return True
