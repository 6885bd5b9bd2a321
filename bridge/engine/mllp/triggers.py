"""An ADT message of the hospital as a request for a record: who, about whom, on whose behalf.

================  ==========================================================================================
MSH-3, -4, -10    the id of the request: the same message is the same request, however often it comes
MSH-9             one of the triggers of the site
MSH-11            the processing id of the site
PID-3             the NHS number: the repetition whose authority is the NHS, and no other
EVN-5, or PV1-7   the user, through the site's own directory; nobody is made up
PV1-19            the encounter, where there is one
================  ==========================================================================================

Nothing else of the message is read, and nothing of it goes into a log or an answer but names of fields and
rules.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson

from bridge.contracts.envelope import JSON, EventStyle, event_attributes
from bridge.contracts.requests import Requester
from bridge.hl7v2 import Message, MessageFault, ReadSegment
from bridge.record.nhs_number import holds_nhs_number, nhs_number_of
from bridge.settings import ListenerSettings
from bridge.values import dataclass

KEY: Final = "record.requested.v1"
"""Routing key of the requests."""
_IDS: Final[UUID] = uuid5(NAMESPACE_URL, "urn:gpconnect-bridge:hl7v2-trigger")
_LONGEST_CONTROL_ID: Final = 199
_LONGEST_ENCOUNTER: Final = 200
_ID, _AUTHORITY = 1, 4
"""Components of CX, an identifier."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """What a message asks for.

    Attributes:
        id: of the request.
        body: the request, a CloudEvent in JSON.
    """

    id: str
    body: bytes = field(repr=False)


def name_of(message: Message) -> str:
    """Which message it is, ``ADT^A01``."""
    return f"{message.header.code}^{message.header.trigger}"


def trigger_of(
    message: Message, users: Mapping[str, Requester], settings: ListenerSettings, style: EventStyle
) -> Trigger:
    """The request that a message asks for.

    Raises:
        MessageFault: it asks for none; the text names the field and the rule.
    """
    header = message.header
    msh = message.segments[0]
    if name_of(message) not in settings.triggers:
        raise MessageFault("MSH-9", f"is none of {', '.join(settings.triggers)}")
    if header.processing_id != settings.processing_id:
        raise MessageFault("MSH-11", f"must be {settings.processing_id}")
    if not header.control_id or len(header.control_id) > _LONGEST_CONTROL_ID:
        raise MessageFault("MSH-10", f"must have 1 to {_LONGEST_CONTROL_ID} characters")
    control = msh.repeats(10)
    if len(control) > 1 or control[0].text(2) or control[0].text(1, 2):
        raise MessageFault("MSH-10", "must be one text: an acknowledgement names no more of it")
    data: dict[str, Any] = {
        "patient": {"nhs_number": _nhs_number(message, settings.nhs_authorities)},
        "areas": {area: {} for area in settings.areas},
        "requested_by": _user(message, users).model_dump(mode="json", exclude_none=True),
        "purpose": "direct_care",
    }
    if encounter := _encounter(message):
        data["encounter_id"] = encounter
    # Each part is told apart from the next and taken as it was sent: two senders' ids never come to the same.
    request_id = str(uuid5(_IDS, orjson.dumps([msh.raw(number) for number in (3, 4, 10)]).decode()))
    attributes = event_attributes(
        style,
        KEY,
        id=request_id,
        subject=f"request/{request_id}",
        extensions={},
        media_type=JSON,
    )
    return Trigger(request_id, orjson.dumps(attributes | {"data": data}))


def _nhs_number(message: Message, authorities: Sequence[str]) -> str:
    pid = _required(message, "PID")
    sent = {
        identifier.text(_ID)
        for identifier in pid.repeats(3)
        # The authority by its name, or by its id beside it (HD).
        if any(identifier.text(_AUTHORITY, part) in authorities for part in (1, 2))
    }
    if not sent:
        raise MessageFault("PID-3", "must have an NHS number, with its authority in PID-3.4")
    numbers = {nhs_number_of(one) for one in sent}
    if len(numbers) > 1:
        raise MessageFault("PID-3", "must have one NHS number")
    number = numbers.pop()
    if number is None:
        raise MessageFault(
            "PID-3", "must have ten digits with a valid check digit as its NHS number"
        )  # CS-008
    return number


def _user(message: Message, users: Mapping[str, Requester]) -> Requester:
    place, named = next(_named_users(message), ("", ""))
    if not named:
        raise MessageFault("EVN-5", "is required, or PV1-7: whose request it is")
    try:
        return users[named]
    except KeyError:
        raise MessageFault(place, "names nobody in the site's directory of users") from None


def _named_users(message: Message) -> Iterator[tuple[str, str]]:
    for name, number in (("EVN", 5), ("PV1", 7)):
        segment = message.first(name)
        if segment is not None and (named := segment.text(number)):
            yield f"{name}-{number}", named


def _encounter(message: Message) -> str | None:
    """The visit number. It only joins requests of one encounter, so one that cannot be used is left out."""
    pv1 = message.first("PV1")
    sent = pv1.text(19).strip() if pv1 is not None else ""
    is_usable = sent and len(sent) <= _LONGEST_ENCOUNTER and sent.isprintable() and not holds_nhs_number(sent)
    return sent if is_usable else None


def _required(message: Message, name: str) -> ReadSegment:
    segment = message.first(name)
    if segment is None:
        raise MessageFault(name, "is required")
    return segment
