"""Decimals keep the digits they were sent with: ``1.50`` is not ``1.5``.

Every fast parser of JSON makes floats of decimals. So before a structured record is parsed, the few numbers
of quantities that a float would not give back are put in quotes; most bodies hold none and stay as they are.
"""

import re
from math import isfinite
from typing import Any, Final

_FRACTION = re.compile(rb"\.\d++(?:[eE][+-]?\d++)?(?=\s*[,}])")
_KEY_AND_WHOLE = re.compile(rb'"value"\s*:\s*(-?(?:0|[1-9]\d*))\Z')
_LONGEST_BEFORE: Final = 64
"""Bytes from the key to the decimal point; beyond, digits are not kept."""
_WRITTEN = re.compile(r"-?(0|[1-9]\d{0,99})(\.\d{1,99}([eE][+-]?\d{1,3})?|[eE][+-]?\d{1,3})", re.ASCII)


def keep_digits(body: bytes) -> bytes:
    """`body` with those decimals in quotes that stand at a key `value` and that a float writes otherwise.

    It goes by the decimal points, of which there are few outside addresses. Only keys are met: inside a text
    every quotation mark is escaped.
    """
    parts: list[bytes] = []
    copied = 0
    for fraction in _FRACTION.finditer(body):
        point = fraction.start()
        before = _KEY_AND_WHOLE.search(body[max(0, point - _LONGEST_BEFORE) : point])
        if before is not None and _loses_digits((before[1] + fraction[0]).decode()):
            start = point - len(before[1])
            parts += [body[copied:start], b'"', body[start : fraction.end()], b'"']
            copied = fraction.end()
    return b"".join([*parts, body[copied:]]) if parts else body


def _loses_digits(written: str) -> bool:
    return repr(float(written)) != written


def decimal(written: str) -> tuple[float, str | None] | None:
    """The number that a text is, and its digits where the number does not hold them; None when it is none.

    Whole numbers are not looked at: a text of digits may be an identifier.
    """
    if _WRITTEN.fullmatch(written) is None or not isfinite(number := float(written)):
        return None
    return number, written if _loses_digits(written) else None


def with_digits(sent: dict[str, Any]) -> dict[str, Any]:
    """A part of FHIR that is passed on, of few levels: its numbers, with their digits as `value_as_sent`."""
    result = {name: _part(value) for name, value in sent.items()}
    value = sent.get("value")
    if type(value) is str and (found := decimal(value)) is not None:
        result["value"] = found[0]
        if found[1] is not None:
            result["value_as_sent"] = found[1]
    return result


def _part(value: Any) -> Any:
    if type(value) is dict:
        return with_digits(value)
    return [_part(each) for each in value] if type(value) is list else value
