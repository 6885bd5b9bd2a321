"""What a rendering is given, and what it gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.contracts.envelope import EventStyle, event_attributes, event_id
from bridge.contracts.events import Written


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
    """An event about a request, before it has a form.

    Attributes:
        style: how this installation names its events.
        kind: e.g. ``medications.published.v1``.
        data: what the event tells, as `bridge.contracts` describes it for its kind.
        request_key: of the request that it answers.
        told_of: tells apart what is told of one request: the snapshot, and which edition of the answer.
        subject: what it is about; opaque.
        extensions: further CloudEvents attributes by name; None where there is none.
        written: what of `data` is JSON already; see `bridge.contracts.events.to_write`.
    """

    style: EventStyle
    kind: str
    data: Mapping[str, Any] = field(repr=False)
    request_key: str
    told_of: str
    subject: str
    extensions: Mapping[str, str | None]
    written: Mapping[str, Written] = field(default_factory=dict, repr=False)

    def id_on(self, topic: str) -> str:
        """The id of what is published of this event on a topic: the same answer has the same id."""
        return event_id(self.request_key, topic, self.told_of)

    def attributes(self, topic: str, *, media_type: str) -> dict[str, Any]:
        """CloudEvents attributes of what is published of this event on a topic.

        Args:
            topic: where it is published.
            media_type: of what the CloudEvent carries, or refers to.
        """
        return event_attributes(
            self.style,
            topic,
            id=self.id_on(topic),
            subject=self.subject,
            extensions=self.extensions,
            media_type=media_type,
        )


@dataclass(frozen=True, slots=True)
class Rendered:
    """One message, as it is published.

    Attributes:
        topic: on which.
        id: by which consumers remove repeats; see `OutgoingEvent.id_on`.
        media_type: of the body.
        body: the bytes. Only here may the NHS number stand.
    """

    topic: str
    id: str
    media_type: str
    body: bytes = field(repr=False)


Rendering = Callable[[OutgoingEvent], Sequence[Rendered]]
"""Makes the messages of an event; none of an event that it has nothing to tell of."""
