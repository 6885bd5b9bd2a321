"""NHS numbers: ten digits, the last a modulus-11 check digit (NHS Data Dictionary).

They are written in groups, with whatever a keyboard or a word processor offers between them. So wherever one
is compared it goes through `plain_nhs_number` first; nothing else decides what belongs to a number.
"""

import unicodedata

NHS_NUMBER_SYSTEM = "https://fhir.nhs.uk/Id/nhs-number"
_LENGTH = 10
_MINUS = "\N{MINUS SIGN}"
_SEPARATING = ("Zs", "Zl", "Zp", "Cc", "Cf", "Pd")
"""Unicode categories: blanks of any width, line ends, what takes no room (zero-width, byte order mark, soft
hyphen), and hyphens and dashes."""


def plain_nhs_number(written: str) -> str:
    """`written` without blanks and hyphens of any kind: its digits alone, where it is an NHS number."""
    if written.isascii() and written.isalnum():
        return written
    return "".join(
        character
        for character in written
        if character != _MINUS and unicodedata.category(character) not in _SEPARATING
    )


def is_valid_nhs_number(value: str) -> bool:
    """Whether `value` is ten ASCII digits with a correct check digit."""
    if len(value) != _LENGTH or not (value.isascii() and value.isdigit()):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(value, range(10, 1, -1), strict=False))
    return (11 - total % 11) % 11 == int(value[-1])


def nhs_number_of(written: str) -> str | None:
    """The NHS number that `written` is, whatever stands between its digits; None when it is none."""
    plain = plain_nhs_number(written)
    return plain if is_valid_nhs_number(plain) else None
