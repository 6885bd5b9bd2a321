"""A whole message: its head, the patient, and the CloudEvent that carries it."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import field
from hashlib import sha256
from typing import Final

import orjson

from bridge.areas.events import RecordHeader
from bridge.contracts.envelope import STRUCTURED
from bridge.hl7v2 import FieldTooLong, Header, MessageFault, Segment, write
from bridge.renderings.hl7v2.coded import moment_of
from bridge.renderings.hl7v2.lengths import LENGTHS
from bridge.renderings.rendering import Hl7v2Options, Rendered, WholeAnswer, Withheld
from bridge.values import dataclass

ER7: Final = "x-application/hl7-v2+er7"
"""The media type of a message, as HL7 names its encoding with delimiters."""

_NO_NAME: Final = ("", "", "", "", "", "", "U")
"""PID-5 must be there, and is never the GP's: a name of type "unspecified", with nothing in it."""
_NOT_APPLICABLE: Final = "N"
_CONTROL_ID: Final = 20
"""Characters that MSH-10 may have: 80 bits of the hash."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a message tells beside its head and the patient.

    Attributes:
        kind: MSH-9: code, trigger and structure.
        segments: those after the visit.
    """

    kind: tuple[str, str, str]
    segments: Sequence[Segment] = field(repr=False)

    @property
    def is_snapshot(self) -> bool:
        """Whether it lists all there is, so that an older one has nothing to add; a report (ORU) may have."""
        return self.kind[0] != "ORU"


def message(
    answer: WholeAnswer,
    data: RecordHeader,
    topic: str,
    options: Hl7v2Options,
    content: Content,
    *,
    second: str = "",
) -> Rendered | Withheld:
    """One message of an answer, in a structured CloudEvent; withheld where a field cannot be told.

    A list that makes older ones void says how old it is (``snapshotat``): none is to be followed by an older.

    Args:
        answer: whose events it is made of.
        data: of the area's event.
        topic: where it is published.
        options: what the site agreed with its receiver.
        content: what it tells.
        second: what it is, where it is the second one of an answer on its topic.
    """
    attributes = answer.attributes(topic, media_type=ER7, second=second)
    if content.is_snapshot:
        attributes["snapshotat"] = data["retrieved_at"]
    at = moment_of(attributes["time"])
    header = Header(
        sending=_components(options.sending),
        receiving=_components(options.receiving),
        message=content.kind,
        control_id=control_id(attributes["id"]),
        at=at,
        processing_id=options.processing_id,
        charset=options.charset,
    )
    is_adt = content.kind[0] == "ADT"
    segments = []
    if is_adt:
        segments.append(Segment("EVN", {2: at, 6: moment_of(data["retrieved_at"])}))
    segments.append(Segment("PID", {1: "1", 3: (data["nhs_number"], "", "", "NHS", "NH"), 5: _NO_NAME}))
    visit = answer.last.extensions.get("encounterid") or ""
    if is_adt or visit:
        segments.append(Segment("PV1", {1: "1", 2: _NOT_APPLICABLE, 19: visit}))
    try:
        er7 = write(header, [*segments, *content.segments], LENGTHS)
    except FieldTooLong as fault:
        return Withheld(topic, "field_too_long", str(fault))
    except MessageFault as fault:
        return Withheld(topic, "not_expressible", str(fault))
    event = attributes | {"data_base64": b64encode(er7).decode()}
    return Rendered(topic, attributes["id"], STRUCTURED, orjson.dumps(event))


def _components(named: tuple[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Application and facility (HD): a site may give a name with the components of its own."""
    application, facility = named
    return tuple(application.split("^")), tuple(facility.split("^"))


def control_id(event_id: str) -> str:
    """MSH-10 of the message of an event: the same event, the same id, by which a receiver removes repeats."""
    return sha256(event_id.encode()).hexdigest()[:_CONTROL_ID].upper()
