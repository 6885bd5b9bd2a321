"""MSH-18: the character set of a message, and nothing that only looks like one."""

from typing import Final

from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class Charset:
    """A character set.

    Attributes:
        name: as it stands in MSH-18 (table 0211).
        codec: Python's name of it.
    """

    name: str
    codec: str


ASCII: Final = Charset("ASCII", "ascii")
"""What a message is in that names none."""
LATIN_1: Final = Charset("8859/1", "iso-8859-1")
UTF_8: Final = Charset("UNICODE UTF-8", "utf-8")

_NAMES: Final = {
    "ASCII": ASCII,
    "8859/1": LATIN_1,
    "ISO-8859-1": LATIN_1,
    "ISO 8859-1": LATIN_1,
    "UNICODE UTF-8": UTF_8,
    "UNICODE UTF8": UTF_8,
    "UTF-8": UTF_8,
    "UTF8": UTF_8,
}
"""The names of table 0211, and those that interface engines write instead."""


def charset_named(name: str) -> Charset | None:
    """The character set of a name in MSH-18; None of one that is not written or read here."""
    return _NAMES.get(name.strip().upper())
