"""NHS numbers: ten digits, the last a modulus-11 check digit (NHS Data Dictionary).

They are written in groups, with whatever a keyboard or a word processor offers between them. So wherever one
is compared it goes through `plain_nhs_number` first; nothing else decides what belongs to a number.
"""

import re
import unicodedata
from collections.abc import Iterator
from operator import mul
from urllib.parse import unquote

NHS_NUMBER_SYSTEM = "https://fhir.nhs.uk/Id/nhs-number"
_LENGTH = 10
_NOBODYS = "0" * _LENGTH
_WEIGHTS = tuple(range(_LENGTH, 1, -1))
_NOUGHT = ord("0")
_NOUGHTS = sum(_WEIGHTS) * _NOUGHT
_MINUS = "\N{MINUS SIGN}"
_SEPARATING = ("Zs", "Zl", "Zp", "Cc", "Cf", "Pd")
"""Unicode categories: blanks of any width, line ends, what takes no room (zero-width, byte order mark, soft
hyphen), and hyphens and dashes."""


_SEPARATING_ASCII = dict.fromkeys([*range(ord(" ") + 1), ord("-"), 0x7F])
"""Those of them that are ASCII: looked up at once, where nearly every text is."""


def plain_nhs_number(written: str) -> str:
    """`written` without blanks and hyphens of any kind: its digits alone, where it is an NHS number."""
    if written.isascii():
        return written.translate(_SEPARATING_ASCII)
    return "".join(
        character
        for character in written
        if character != _MINUS and unicodedata.category(character) not in _SEPARATING
    )


def is_valid_nhs_number(value: str) -> bool:
    """Whether `value` is ten ASCII digits with a correct check digit."""
    if len(value) != _LENGTH or not (value.isascii() and value.isdigit()):
        return False
    codes = value.encode()  # each digit and `_NOUGHT`: a fifth of the time of making numbers of them
    total: int = sum(map(mul, codes, _WEIGHTS)) - _NOUGHTS
    return (11 - total % 11) % 11 == codes[-1] - _NOUGHT


def nhs_number_of(written: str) -> str | None:
    """The NHS number that `written` is, whatever stands between its digits; None when it is none."""
    plain = plain_nhs_number(written)
    return plain if is_valid_nhs_number(plain) else None


# What is random or a day, and holds ten digits of a number by chance only. Without a letter it is neither.
_RANDOM = re.compile(
    r"(?<![0-9A-Fa-f])(?=[0-9-]{0,35}[A-Fa-f])"  # UUID
    r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Fa-f])"
    r"|(?<![0-9A-Fa-f])(?=[0-9]*[A-Fa-f])[0-9A-Fa-f]{16,}(?![0-9A-Za-z])"  # trace, span, hash
    r"|(?<![0-9])(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])(?![0-9])"  # ISO 8601 day
)
_BETWEEN = re.compile(r"[\x00-\x20\x7f-]+")
_TEN_DIGITS = re.compile(r"[0-9](?:[\x00-\x20\x7f-]*[0-9]){9}")
"""What most texts do not have: looked for first, because it is found sooner than all that is random."""
_CHAIN = re.compile(r"[0-9]+(?:-[0-9]+)*")


def holds_nhs_number(text: str) -> bool:
    """Whether an NHS number stands anywhere in `text`: an id, a header, anything that is no message body.

    That is ten digits with a right check digit, written together or in groups with blanks and hyphens between
    them, also padded with zeros or percent-encoded, with anything but a digit on both sides.

    A UUID, the parts of a ``traceparent`` and other hexadecimal of sixteen digits and more are looked into
    only where they have no letter: fewer than one random UUID in a thousand million is taken for a number.
    Of ids of exactly ten digits one in eleven is. Ten noughts are not: that is how "no id" is written.
    """
    if len(text) < _LENGTH:
        return False
    if "%" in text:
        text = unquote(text, errors="replace")
    if not text.isascii():
        text = "".join(
            " " if character == _MINUS or unicodedata.category(character) in _SEPARATING else character
            for character in unicodedata.normalize("NFKC", text)
        )
    if _TEN_DIGITS.search(text) is None:
        return False
    found = _tens(_BETWEEN.sub("-", _RANDOM.sub("x", text)))
    return any(number != _NOBODYS and is_valid_nhs_number(number) for number in found)


def _tens(text: str) -> Iterator[str]:
    """Every ten digits that stand together in `text`, whole groups with one hyphen between them."""
    for chain in _CHAIN.finditer(text):
        groups = chain[0].split("-")
        for start in range(len(groups)):
            together = ""
            for group in groups[start : start + _LENGTH]:
                together += group
                if len(together) >= _LENGTH:
                    break
            if len(together) == _LENGTH or not together[:-_LENGTH].strip("0"):
                yield together[-_LENGTH:]
