"""Acknowledgements: read of a peer, and written to one (HL7 v2, chapter 2: MSA, ERR).

What a peer wrote in words (MSA-3, ERR-7, ERR-8) may name a patient, so none of it is told: of an error only
its code, whose words are the standard's (table 0357), and the field that it is about.
"""

import re
from collections.abc import Iterator
from typing import Final, Literal, get_args

from bridge.hl7v2 import ASCII, LATIN_1, Header, Message, MessageFault, ReadSegment, Segment, read, write
from bridge.values import dataclass

PeerCode = Literal["AA", "CA", "AE", "CE", "AR", "CR"]
"""MSA-1: accepted, an error that may pass, rejected. With C where a peer only says that it has it."""
AckCode = Literal["AA", "AE", "AR"]
"""MSA-1 as we say it."""

ERRORS: Final = {
    "100": "segment sequence error",
    "101": "required field missing",
    "102": "data type error",
    "103": "table value not found",
    "104": "value too long",
    "200": "unsupported message type",
    "201": "unsupported event code",
    "202": "unsupported processing id",
    "203": "unsupported version id",
    "204": "unknown key identifier",
    "205": "duplicate key identifier",
    "206": "application record locked",
    "207": "application internal error",
}
"""Table 0357: what is wrong with a message."""
_SEGMENT: Final = re.compile(r"[A-Z][A-Z0-9]{2}")
_NUMBER: Final = re.compile(r"[0-9]{1,3}")
_VERSION: Final = re.compile(r"2(\.[0-9]){0,2}")
_MOST_ERRORS: Final = 5


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What a peer said of a message.

    Attributes:
        word: MSA-1.
        control_id: MSA-2, the MSH-10 of the message that it is about.
        why: codes and fields of its errors, in words of the standard; empty when it named none.
    """

    word: PeerCode
    control_id: str
    why: str

    @property
    def is_accepted(self) -> bool:
        """Whether the peer has the message."""
        return self.word in ("AA", "CA")

    @property
    def is_rejected(self) -> bool:
        """Whether the peer will never take it."""
        return self.word in ("AR", "CR")


def read_acknowledgement(body: bytes) -> Acknowledgement:
    """An acknowledgement, as it stood in its frame.

    Any byte is a character of 8859/1: the peer's word counts, whatever its own text (MSA-3) is written in.

    Raises:
        MessageFault: it is none.
    """
    message = read(body, whatever=LATIN_1)
    msa = message.first("MSA")
    if msa is None:
        raise MessageFault("MSA", "is required of an acknowledgement")
    word = next((each for each in get_args(PeerCode) if each == msa.text(1)), None)
    if word is None:
        raise MessageFault("MSA-1", "is no acknowledgement code")
    return Acknowledgement(word, msa.text(2), "; ".join(_errors(message)))


def acknowledged(message: Message, answer: AckCode, said: str, *, at: str, fault: str | None = None) -> bytes:
    """The acknowledgement of a message that could be read.

    Args:
        message: to which it is.
        answer: MSA-1.
        said: MSA-3; nothing of the message's content.
        at: MSH-7; see `bridge.hl7v2.timestamp`.
        fault: the field at fault, ``PID-3``, for ERR.
    """
    header = message.header
    version = header.version if _VERSION.fullmatch(header.version) else "2.4"
    return write(
        Header(
            sending=header.receiving,
            receiving=header.sending,
            message=("ACK", header.trigger, "ACK") if header.trigger else ("ACK",),
            control_id=header.control_id,
            at=at,
            processing_id=header.processing_id or "P",
            version=version,
            charset=header.charset,
        ),
        [Segment("MSA", {1: answer, 2: header.control_id, 3: said}), *_told(fault)],
    )


def refused(fault: MessageFault, *, at: str) -> bytes:
    """The acknowledgement of what could not even be read: nobody can be told which message it is."""
    header = Header(
        sending=("", ""), receiving=("", ""), message=("ACK",), control_id="0", at=at, charset=ASCII
    )
    return write(header, [Segment("MSA", {1: "AR", 2: "", 3: str(fault)}), *_told(fault.place)])


def _told(place: str | None) -> Iterator[Segment]:
    """ERR-1, where the fault is (v2.4)."""
    segment, _, number = (place or "").partition("-")
    if _SEGMENT.fullmatch(segment):
        yield Segment("ERR", {1: (segment, "1", number)})


def _errors(message: Message) -> Iterator[str]:
    for error in message.all("ERR")[:_MOST_ERRORS]:
        # Since v2.5 the field is ERR-2 and the code ERR-3; before, both stand in ERR-1.
        code = error.text(3) or error.text(1, 4)
        where = _field(error, 2) or _field(error, 1)
        told = f"{code} {ERRORS[code]}" if code in ERRORS else ""
        if told or where:
            yield " at ".join(part for part in (told, where) if part)
    msa = message.first("MSA")
    if msa is not None and msa.text(6) in ERRORS:
        yield f"{msa.text(6)} {ERRORS[msa.text(6)]}"


def _field(error: ReadSegment, number: int) -> str:
    """The field that an error is about: segment, and number where there is one."""
    segment = error.text(number, 1)
    position = error.text(number, 3)
    if not _SEGMENT.fullmatch(segment):
        return ""
    return f"{segment}-{position}" if _NUMBER.fullmatch(position) else segment
