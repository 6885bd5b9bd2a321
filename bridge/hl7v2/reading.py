"""Reading a message, as its sender delimited and encoded it. What cannot be read is told by its field."""

from collections.abc import Iterator, Sequence
from dataclasses import field
from functools import lru_cache
from typing import Final

from bridge.hl7v2.charsets import ASCII, Charset, charset_named
from bridge.hl7v2.escaping import Unescaper
from bridge.hl7v2.faults import MessageFault
from bridge.values import dataclass

MAX_BYTES: Final = 1024 * 1024
"""The largest message that is read unless told otherwise."""

_MOST_SEGMENTS: Final = 10_000
_BATCHES: Final = ("FHS", "BHS")
_NAME_LENGTH: Final = 3
_SEPARATOR_AT: Final = 3
_MSH_18: Final = 17
"""Its index in a line, whose separator is MSH-1."""


@dataclass(frozen=True, slots=True)
class _Syntax:
    separator: str
    component: str
    repetition: str
    subcomponent: str
    unescaper: Unescaper


@dataclass(frozen=True, slots=True)
class ReadField:
    """One repetition of a field.

    Attributes:
        raw: as sent, still escaped.
    """

    raw: str = field(repr=False)
    _syntax: _Syntax = field(repr=False)

    def text(self, component: int = 1, subcomponent: int = 1) -> str:
        """The text of a component, counted from one; empty where nothing was sent."""
        sent = _nth(self.raw.split(self._syntax.component), component)
        return self._syntax.unescaper.text(_nth(sent.split(self._syntax.subcomponent), subcomponent))


@dataclass(frozen=True, slots=True)
class ReadSegment:
    """One segment.

    Attributes:
        name: three characters.
    """

    name: str
    _fields: Sequence[str] = field(repr=False)
    _syntax: _Syntax = field(repr=False)

    def raw(self, number: int) -> str:
        """A field as sent, all of its repetitions; counted as the standard does, in MSH too."""
        return self._fields[number] if 0 < number < len(self._fields) else ""

    def repeats(self, number: int) -> list[ReadField]:
        """The repetitions of a field; none where nothing was sent."""
        sent = self.raw(number)
        return [ReadField(each, self._syntax) for each in sent.split(self._syntax.repetition)] if sent else []

    def text(self, number: int, component: int = 1, subcomponent: int = 1) -> str:
        """The text of a field's first repetition; empty where nothing was sent."""
        repeats = self.repeats(number)
        return repeats[0].text(component, subcomponent) if repeats else ""


@dataclass(frozen=True, slots=True)
class ReadHeader:
    """MSH, as far as an engine looks at it; what was not sent is empty.

    Attributes:
        sending: application and facility, their first components.
        receiving: likewise.
        code: MSH-9.1, ``ADT``.
        trigger: MSH-9.2, ``A31``.
        structure: MSH-9.3.
        control_id: MSH-10.
        at: MSH-7.
        processing_id: MSH-11.
        version: MSH-12.
        accept: MSH-15, when an accept acknowledgement is wanted: ``AL``, ``NE``, ``ER`` or ``SU``.
        charset: MSH-18, or what was assumed.
    """

    sending: tuple[str, str]
    receiving: tuple[str, str]
    code: str
    trigger: str
    structure: str
    control_id: str
    at: str
    processing_id: str
    version: str
    accept: str
    charset: Charset


@dataclass(frozen=True, slots=True)
class Message:
    """A message.

    Attributes:
        header: what its MSH says.
        segments: all of them, MSH too, in order.
    """

    header: ReadHeader
    segments: Sequence[ReadSegment] = field(repr=False)

    def first(self, name: str) -> ReadSegment | None:
        """The first segment of a name."""
        return next(self._named(name), None)

    def all(self, name: str) -> list[ReadSegment]:
        """The segments of a name, in order."""
        return list(self._named(name))

    def _named(self, name: str) -> Iterator[ReadSegment]:
        return (each for each in self.segments if each.name == name)


def read(
    body: bytes, *, assumed: Charset = ASCII, whatever: Charset | None = None, max_bytes: int = MAX_BYTES
) -> Message:
    """Read one message.

    A line feed may stand after or for a carriage return, as many senders have it: inside a field neither can.

    Args:
        body: as it came, without its frame.
        assumed: the character set of a message that names none.
        whatever: what it is read in whatever it names, by whom its codes alone matter.
        max_bytes: the largest that is read.

    Raises:
        MessageFault: it is too large, a batch, or no message; a delimiter is none; or the character set is
            not known or not the one that it is in.
    """
    if len(body) > max_bytes:
        raise MessageFault("message", f"is larger than {max_bytes} bytes")
    # Delimiters are ASCII, whatever the character set; so is the name of it.
    delimiters = _delimiters(body.decode("latin-1"))
    charset = whatever or _charset(body, delimiters[0], delimiters[2], assumed)
    try:
        text = body.decode(charset.codec)
    except UnicodeDecodeError:
        raise MessageFault("MSH-18", f"says {charset.name}, and the message is in another one") from None
    syntax = _syntax(delimiters, charset.codec)
    lines = text.replace("\r\n", "\r").replace("\n", "\r").split("\r")
    if len(lines) > _MOST_SEGMENTS:
        raise MessageFault("message", f"has more than {_MOST_SEGMENTS} segments")
    segments = [_segment(line, number, syntax) for number, line in enumerate(lines, 1) if line]
    if any(each.name == "MSH" for each in segments[1:]):
        raise MessageFault("MSH", "stands more than once: send each message by itself")
    return Message(_header(segments[0], charset), segments)


def _delimiters(text: str) -> str:
    """Of field, component and repetition, the escape character, the delimiter of sub-components."""
    if text.startswith(_BATCHES):
        raise MessageFault(text[:_NAME_LENGTH], "begins a batch: send each message by itself")
    if not text.startswith("MSH"):
        raise MessageFault("MSH", "must be the first segment")
    line = text.partition("\r")[0].partition("\n")[0]
    separator = line[_SEPARATOR_AT : _SEPARATOR_AT + 1]
    encoding = line[_SEPARATOR_AT + 1 :].partition(separator)[0] if separator else ""
    if len(encoding) not in (4, 5):  # five since v2.7: what marks a text as cut
        raise MessageFault("MSH-2", "must name four delimiters")
    found = separator + encoding[:4]
    if len(set(found)) < len(found) or any(not each.isprintable() or each.isalnum() for each in found):
        raise MessageFault("MSH-2", "must name delimiters that differ and are no letters or digits")
    if not found.isascii():
        raise MessageFault("MSH-2", "must name delimiters in ASCII")
    return found


def _charset(body: bytes, separator: str, repetition: str, assumed: Charset) -> Charset:
    line = body.partition(b"\r")[0].partition(b"\n")[0].decode("latin-1").split(separator)
    sent = line[_MSH_18] if len(line) > _MSH_18 else ""
    if not sent:
        return assumed
    if repetition in sent:
        raise MessageFault("MSH-18", "names several character sets: a message is in one")
    found = charset_named(sent)
    if found is None:
        raise MessageFault("MSH-18", "must be UNICODE UTF-8, 8859/1 or ASCII")
    return found


@lru_cache(maxsize=16)
def _syntax(delimiters: str, codec: str) -> _Syntax:
    separator, component, repetition, _, subcomponent = tuple(delimiters)
    return _Syntax(separator, component, repetition, subcomponent, Unescaper(delimiters, codec))


def _segment(line: str, number: int, syntax: _Syntax) -> ReadSegment:
    name, *fields = line.split(syntax.separator)
    if len(name) != _NAME_LENGTH or not (name.isascii() and name.isalnum() and name.isupper()):
        raise MessageFault(f"segment {number}", "must begin with its name, three capital letters or digits")
    first = [name, syntax.separator] if name == "MSH" else [name]
    return ReadSegment(name, [*first, *fields], syntax)


def _header(msh: ReadSegment, charset: Charset) -> ReadHeader:
    return ReadHeader(
        sending=(msh.text(3), msh.text(4)),
        receiving=(msh.text(5), msh.text(6)),
        code=msh.text(9),
        trigger=msh.text(9, 2),
        structure=msh.text(9, 3),
        control_id=msh.text(10),
        at=msh.text(7),
        processing_id=msh.text(11),
        version=msh.text(12),
        accept=msh.text(15),
        charset=charset,
    )


def _nth(parts: Sequence[str], number: int) -> str:
    return parts[number - 1] if 0 < number <= len(parts) else ""
