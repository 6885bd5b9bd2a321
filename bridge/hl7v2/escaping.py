r"""Text inside a field: no character of it is ever taken for a delimiter.

A line break of any kind is ``\.br\``, and so comes back as a line feed. Any other control character is in
hexadecimal: a vertical tab or a file separator would spoil the frame of MLLP.
"""

import re
from typing import Final

_TO_ESCAPE: Final = re.compile(r"[|^~&\\\x00-\x1f\x7f\x85\u2028\u2029]")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPED: Final = {
    "\\": "\\E\\",
    "|": "\\F\\",
    "^": "\\S\\",
    "~": "\\R\\",
    "&": "\\T\\",
    **dict.fromkeys(["\r\n", "\r", "\n", "\x85", "\u2028", "\u2029"], "\\.br\\"),
}
"""In the order in which they are replaced: the escape character before those whose sequences have it."""
_NULL: Final = '""'
_NULL_ESCAPED: Final = "\\X22\\\\X22\\"
_KNOWN: Final = r"([EFSTRHN]|\.br|\.sp\d*|X(?:[0-9A-Fa-f]{2})+)"


def escape(text: str) -> str:
    """Text as it stands in a field.

    Two quotation marks alone would tell the receiver to delete what it has: they are written in hexadecimal.
    """
    if not _TO_ESCAPE.search(text):
        return text if text != _NULL else _NULL_ESCAPED
    for sent, written in _ESCAPED.items():
        if sent in text:
            text = text.replace(sent, written)
    return _CONTROLS.sub(lambda found: f"\\X{ord(found[0]):02X}\\", text)


class Unescaper:
    r"""Gives back the text of a field.

    What is no escape sequence stays as it is: ``1\2 tablet`` loses nothing, nor does a site's own sequence.

    Args:
        delimiters: of field, component and repetition, the escape character, the delimiter of sub-components.
        codec: of the bytes that are written in hexadecimal.
    """

    __slots__ = ("_codec", "_escape", "_pattern", "_plain")

    def __init__(self, delimiters: str, codec: str) -> None:
        field, component, repetition, escape_character, subcomponent = tuple(delimiters)
        self._escape = escape_character
        mark = re.escape(escape_character)
        self._pattern = re.compile(f"{mark}{_KNOWN}{mark}")
        self._plain = {
            "E": escape_character,
            "F": field,
            "S": component,
            "R": repetition,
            "T": subcomponent,
            "H": "",
            "N": "",
        }
        self._codec = codec

    def text(self, raw: str) -> str:
        """The text; nothing of the null ``""``, by which a sender deletes a value."""
        if raw == _NULL:
            return ""
        return self._pattern.sub(self._one, raw) if self._escape in raw else raw

    def _one(self, found: re.Match[str]) -> str:
        sequence = found[1]
        if sequence in self._plain:
            return self._plain[sequence]
        if sequence.startswith("."):
            return "\n"
        try:
            return bytes.fromhex(sequence[1:]).decode(self._codec)
        except UnicodeDecodeError:
            return found[0]
