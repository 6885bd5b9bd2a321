"""HL7 v2 in its vertical-bar form (ER7): how a message is written and read. Syntax only, and no I/O.

What the fields mean is told by whoever writes or reads them. Write::

    header = Header(
        sending=("GPCONNECT", "RZZ01"), receiving=("EPR", "RZZ01"), message=("ADT", "A31", "ADT_A05"),
        control_id="7c0f3b52", at=timestamp(now), charset=charset_named("8859/1"),
    )
    body = write(header, [Segment("EVN", {2: "2026"}), Segment("AL1", {1: "1", 3: (code, term, "SCT")})])

Read::

    message = read(body)           # MessageFault: which field, and the rule it breaks; never the value
    message.header.control_id      # MSH-10; of MSH `header` has whatever an engine looks at
    pid = message.first("PID")     # None where there is none; `message.all("AL1")` gives them in order
    pid.text(3)                    # unescaped: first repetition, component and sub-component
    pid.text(5, 2)                 # the second component
    pid.repeats(3)[1].text(4, 2)   # second repetition, fourth component, second sub-component

The null ``""``, by which a sender deletes a value, is read as nothing, and is never written. A message is
read in the character set of its MSH-18 (UTF-8, 8859/1, ASCII; where it names none, in the one assumed), up to
`MAX_BYTES` and 10,000 segments; a batch is refused.
"""

from bridge.hl7v2.charsets import ASCII, LATIN_1, UTF_8, Charset, charset_named
from bridge.hl7v2.escaping import escape
from bridge.hl7v2.faults import FieldTooLong, MessageFault
from bridge.hl7v2.reading import MAX_BYTES, Message, ReadField, ReadHeader, ReadSegment, read
from bridge.hl7v2.timestamps import timestamp
from bridge.hl7v2.writing import ComponentValue, FieldValue, Header, Segment, write

__all__ = [
    "ASCII",
    "LATIN_1",
    "MAX_BYTES",
    "UTF_8",
    "Charset",
    "ComponentValue",
    "FieldTooLong",
    "FieldValue",
    "Header",
    "Message",
    "MessageFault",
    "ReadField",
    "ReadHeader",
    "ReadSegment",
    "Segment",
    "charset_named",
    "escape",
    "read",
    "timestamp",
    "write",
]
