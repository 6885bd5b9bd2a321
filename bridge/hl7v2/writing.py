"""Writing a message: every text is escaped on its way in, and nothing is cut or replaced."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Final

from bridge.hl7v2.charsets import UTF_8, Charset
from bridge.hl7v2.escaping import escape
from bridge.hl7v2.faults import FieldTooLong, MessageFault
from bridge.values import dataclass

ComponentValue = str | tuple[str, ...]
"""Text, or its sub-components."""
_Repetition = str | tuple[ComponentValue, ...]
FieldValue = _Repetition | list[str] | list[_Repetition]
"""Of a field: text; a tuple of components; a list of repetitions. What is empty is not sent."""

_ENCODING_CHARACTERS: Final = "^~\\&"
_NAME: Final = re.compile(r"[A-Z][A-Z0-9]{2}")


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment.

    Attributes:
        name: three characters, ``AL1``.
        fields: by number, as the standard counts them. Never of MSH: that is `Header`.
    """

    name: str
    fields: Mapping[int, FieldValue] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Header:
    """What stands in MSH.

    Attributes:
        sending: application and facility (MSH-3, MSH-4).
        receiving: likewise (MSH-5, MSH-6).
        message: code, trigger and structure (MSH-9): ``("ADT", "A31", "ADT_A05")``.
        control_id: MSH-10, by which the receiver removes repeats.
        at: MSH-7; see `bridge.hl7v2.timestamps`.
        processing_id: MSH-11: production, training or debugging.
        version: MSH-12.
        charset: MSH-18, and what the message is written in.
    """

    sending: tuple[FieldValue, FieldValue]
    receiving: tuple[FieldValue, FieldValue]
    message: tuple[str, ...]
    control_id: str
    at: str
    processing_id: str = "P"
    version: str = "2.4"
    charset: Charset = UTF_8


def write(header: Header, segments: Sequence[Segment], lengths: Mapping[str, int] | None = None) -> bytes:
    """A whole message, each segment ended by a carriage return.

    Args:
        header: its MSH.
        segments: the others, in order.
        lengths: the most characters that one repetition of a field may have, by its place: ``{"AL1-5": 15}``.
            Delimiters and escape sequences count, as a receiver's column has to hold them.

    Raises:
        FieldTooLong: a field is over its length.
        MessageFault: it has a character that the character set has not.
    """
    msh = [
        "MSH",
        _ENCODING_CHARACTERS,
        *(_field(value) for value in (*header.sending, *header.receiving)),
        _field(header.at),
        "",
        _field(header.message),
        _field(header.control_id),
        _field(header.processing_id),
        _field(header.version),
        *[""] * 5,
        _field(header.charset.name),
    ]
    lines = [msh, *(_segment(each) for each in segments)]
    for place, longest in (lengths or {}).items():
        _held_to(place, longest, lines)
    text = "".join("|".join(line) + "\r" for line in lines)
    try:
        return text.encode(header.charset.codec)
    except UnicodeEncodeError:
        raise _not_in(header.charset, lines) from None


def _segment(segment: Segment) -> list[str]:
    if segment.name == "MSH" or not _NAME.fullmatch(segment.name):
        raise ValueError("a segment has a name of three characters, and is not MSH")
    line = [segment.name]
    for number in sorted(segment.fields):
        if written := _field(segment.fields[number]):
            line += [""] * (number - len(line))
            line.append(written)
    return line


def _field(value: FieldValue) -> str:
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, list):
        return "~".join(written for each in value if (written := _field(each)))
    return "^".join(_component(each) for each in value).rstrip("^")


def _component(value: ComponentValue) -> str:
    return escape(value) if isinstance(value, str) else "&".join(map(escape, value)).rstrip("&")


def _place(line: Sequence[str], index: int) -> str:
    """The name of what stands at an index of a line. The separator itself is MSH-1."""
    return f"{line[0]}-{index + 1 if line[0] == 'MSH' else index}"


def _held_to(place: str, longest: int, lines: Sequence[Sequence[str]]) -> None:
    name, _, number = place.partition("-")
    index = int(number) - 1 if name == "MSH" else int(number)
    for line in lines:
        if line[0] != name or index >= len(line) or len(line[index]) <= longest:
            continue
        if any(len(each) > longest for each in line[index].split("~")):
            raise FieldTooLong(place, longest)


def _not_in(charset: Charset, lines: Sequence[Sequence[str]]) -> MessageFault:
    for line in lines:
        for index, written in enumerate(line):
            try:
                written.encode(charset.codec)
            except UnicodeEncodeError:
                return MessageFault(_place(line, index), f"has a character that {charset.name} has not")
    raise AssertionError("what cannot be encoded stands in a field")
