"""What a rendering is given, what it gives, and what is known of it before it is called."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any, Literal, TypeAlias

from bridge.contracts.envelope import EventStyle, event_attributes, event_id
from bridge.contracts.events import Written
from bridge.contracts.renderings import WithheldReason
from bridge.hl7v2 import UTF_8, Charset
from bridge.values import dataclass

R4Profile = Literal["ukcore-current", "pair-2022"]
Hl7v2Allergies = Literal["snapshot", "changes"]


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

    def id_on(self, topic: str, *, second: str = "") -> str:
        """The id of what is published of this event on a topic: the same answer has the same id.

        Args:
            topic: where it is published.
            second: what a second message of one answer on the topic is.
        """
        return event_id(self.request_key, topic, f"{self.told_of} {second}" if second else self.told_of)

    def attributes(self, topic: str, *, media_type: str, second: str = "") -> dict[str, Any]:
        """CloudEvents attributes of what is published of this event on a topic.

        Args:
            topic: where it is published.
            media_type: of what the CloudEvent carries, or refers to.
            second: see `id_on`.
        """
        return event_attributes(
            self.style,
            topic,
            id=self.id_on(topic, second=second),
            subject=self.subject,
            extensions=self.extensions,
            media_type=media_type,
        )


@dataclass(frozen=True, slots=True)
class ToldBefore:
    """What is kept of the answers about a patient before this one.

    Attributes:
        base: as the rendering that tells of changes wrote it; None: there is nothing.
        fault: why nothing can be compared with it: it cannot be opened, or answers about the patient ended
            one after the other all the while. Or a message that tells what changed is too large: then nothing
            of the answer may be told or kept.
    """

    base: bytes | None = field(default=None, repr=False)
    fault: Literal["base_unusable", "busy", "too_large"] | None = None


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """All events of one request, in the order in which they are published: what a rendering is made of.

    Attributes:
        events: at least one; of a record the areas come first, and ``record.completed.v1`` is the last.
        before: what is kept about the patient, for a rendering that `compares`.
    """

    events: Sequence[OutgoingEvent]
    before: ToldBefore = field(default_factory=ToldBefore)

    @property
    def last(self) -> OutgoingEvent:
        """What closes the answer."""
        return self.events[-1]

    @property
    def kinds(self) -> frozenset[str]:
        """Of its events."""
        return frozenset(event.kind for event in self.events)

    def of(self, kind: str) -> OutgoingEvent | None:
        """The event of a kind; None when the answer has none."""
        return next((event for event in self.events if event.kind == kind), None)

    def id_on(self, topic: str) -> str:
        """The id of what is published of this answer on a topic: the same answer has the same id."""
        return self.last.id_on(topic)

    def attributes(self, topic: str, *, media_type: str, second: str = "") -> dict[str, Any]:
        """CloudEvents attributes of what is published of this answer on a topic.

        It has no `sequence`: that numbers the events, and a reader who waits for all of them counts those.

        Args:
            topic: where it is published.
            media_type: of what the CloudEvent carries, or refers to.
            second: see `OutgoingEvent.id_on`.
        """
        attributes = self.last.attributes(topic, media_type=media_type, second=second)
        attributes.pop("sequence", None)
        return attributes


@dataclass(frozen=True, slots=True)
class Rendered:
    """One message, as it is published.

    Attributes:
        topic: on which.
        id: by which consumers remove repeats; see `WholeAnswer.id_on`.
        media_type: of the body.
        body: the bytes. Only here may the NHS number stand.
    """

    topic: str
    id: str
    media_type: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Withheld:
    """A message that is not made, because it could not be read safely. The events go out all the same.

    Attributes:
        topic: on which it would have been published.
        reason: as the manifest says it.
        detail: which field or area, and the rule; never patient data.
    """

    topic: str
    reason: WithheldReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a comparison came to, beside its messages.

    Attributes:
        base: what the next answer about the patient is compared with; None: what is kept stays as it is.
        manifest: fields of the manifest that say so.
    """

    base: bytes | None = field(repr=False)
    manifest: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Lost:
    """Something that the events say and a rendering does not.

    Attributes:
        path: names of fields with dots between, from the subject of the kind of event on, and all below it:
            ``medications.items.plan.inherited``. ``**`` at its beginning stands for any fields or none:
            ``**.provenance.content_hash``.
        why: for whoever reads the form.
    """

    path: str
    why: str

    def covers(self, path: Sequence[str]) -> bool:
        """Whether it names this path, or one above it."""
        wanted = self.path.split(".")
        if wanted[0] != "**":
            return list(path[: len(wanted)]) == wanted
        rest = wanted[1:]
        return any(list(path[at : at + len(rest)]) == rest for at in range(len(path) - len(rest) + 1))


@dataclass(frozen=True, slots=True)
class Hl7v2Options:
    """What a site agrees with whoever receives its HL7 v2 messages.

    Attributes:
        sending: application and facility (MSH-3, MSH-4).
        receiving: likewise (MSH-5, MSH-6).
        processing_id: MSH-11: ``P`` for production, ``T`` for training, ``D`` for debugging.
        charset: MSH-18. A message with a character that it has not is withheld.
        allergies: as a list that replaces another one, or as updates of each.
    """

    sending: tuple[str, str] = ("GPCONNECT", "")
    receiving: tuple[str, str] = ("", "")
    processing_id: str = "P"
    charset: Charset = UTF_8
    allergies: Hl7v2Allergies = "snapshot"


@dataclass(frozen=True, slots=True)
class RenderingOptions:
    """What a site chooses of renderings, all of them together.

    Attributes:
        r4_profile: how FHIR R4 is written where the published pairs of the NHS and UK Core differ.
        hl7v2: what stands at the head of HL7 v2 messages.
    """

    r4_profile: R4Profile = "ukcore-current"
    hl7v2: Hl7v2Options = Hl7v2Options()


Render: TypeAlias = Callable[[WholeAnswer, RenderingOptions], Sequence[Rendered | Withheld | Remembered]]
"""Makes the messages of an answer; none of one that it has nothing to tell of. It raises for nothing that an
event may hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderingSpec:
    """One form in which answers are published, beside the events.

    Attributes:
        name: as settings and requests name it.
        reads: kinds of events; an answer without any of them is not rendered.
        topics: the media type of the content on each topic that it publishes on.
        data: the type of `data` on each topic that carries JSON, for the schemas; others carry `data_base64`.
        losses: what of these events it does not say; a table in the documentation.
        render: makes the messages.
        compares: whether it is given what is kept of the answers before, and says what is kept of this one.
    """

    name: str
    reads: frozenset[str]
    topics: Mapping[str, str]
    losses: Sequence[Lost]
    data: Mapping[str, Any] = field(default_factory=dict)
    render: Render
    compares: bool = False
