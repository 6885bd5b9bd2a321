"""Consultations: who, when and where, and what was written, under topics and headings in its order."""

from typing import Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bridge.record.common import (
    STRICT,
    AreaItem,
    CodedText,
    Link,
    NonEmptyText,
    PartialDate,
    Party,
    Quantity,
)

ConsultationStatus = Literal["finished", "draft", "unknown"]
ParticipantRole = Literal["recorder", "primary_performer", "participant", "author", "unknown"]


@with_config(STRICT)
class Participant(TypedDict):
    """Somebody who took part, in one role."""

    role: ParticipantRole
    """`recorder` entered it, `primary_performer` held the consultation."""
    party: Party
    """Who; of the kind `unknown` and without a name where the practice named nobody."""
    role_as_sent: NotRequired[NonEmptyText]
    """With the role `unknown`: how the practice calls it."""


@with_config(STRICT)
class Narrative(TypedDict):
    """Words that were written in a consultation and are an item of no area."""

    source_ref: NonEmptyText
    """The link in `items` with this reference is where they stand among the other entries."""
    text: NonEmptyText
    """With its layout."""
    performers: list[Party]
    """Who wrote them."""
    security_labels: list[str]
    """`NOPAT`: not to be disclosed to the patient. Its absence says nothing (CS-059)."""
    recorded_at: NotRequired[PartialDate]
    """When they were entered: a time of the system, not a clinical one."""
    effective: NotRequired[PartialDate]
    """The clinical date, where one was sent."""
    about: NotRequired[list[Link]]
    """The items that they comment on. They may take back what such an item says, so it is not to be shown
    without them."""
    status: NotRequired[NonEmptyText]
    """As it was sent; absent where none was. Words without one hold."""
    source_status: NotRequired[NonEmptyText]
    """The same where it is not one of words that hold, `entered-in-error` for example."""


@with_config(STRICT)
class Heading(TypedDict):
    """One part of a topic: history, examination, plan, or words of the practice's own.

    What a practice puts inside of a heading comes after it, as a heading; what then follows in the outer one
    stands under its title again.
    """

    title: NotRequired[NonEmptyText]
    """In the practice's words."""
    problems: list[Link]
    """The problems that it is about."""
    items: list[Link]
    """Everything it names, in the order sent, which has a meaning: its `narrative` among it, and what the
    practice could only name (`display`, and no `source_ref`)."""
    narrative: list[Narrative]
    """The words among `items`."""


@with_config(STRICT)
class Topic(TypedDict):
    """What was recorded about one matter.

    Without a title where the practice sent none: of a consultation that has no topics it is all there is.
    """

    title: NotRequired[NonEmptyText]
    """In the practice's words."""
    problems: list[Link]
    """The problems that it is about."""
    items: list[Link]
    """What it names outside of its headings, in the order sent; see `Heading`. It stands before them."""
    narrative: list[Narrative]
    """The words among `items`."""
    headings: list[Heading]
    """In the order sent."""


@with_config(STRICT)
class Consultation(AreaItem):
    """One Encounter and the lists that tell its content.

    What was recorded in it stands once, in the list of its own area; here it is linked. What was recorded
    outside of consultations is in none of them: they are not the whole record (CS-093).
    """

    encounter_type: CodedText
    """What kind it was: at the surgery, by telephone, an entry of the practice's staff."""
    status: ConsultationStatus
    """`draft`: not finished by whoever wrote it, and to be shown as that (CS-095)."""
    participants: list[Participant]
    """Who took part, each once for each role."""
    location: list[Party]
    """Where it took place; a practice may give the place and beside it the kind of place, in words."""
    topics: list[Topic]
    """With `content_not_sent` among `issue_codes` its lists were not sent, as happens where only a problem
    named it: that is no consultation in which nothing was recorded, of which practices send none."""
    further_types: NotRequired[list[CodedText]]
    """Where more than one was sent."""
    title: NotRequired[NonEmptyText]
    """What the list of its content is called; often the type in more words."""
    source_status: NotRequired[NonEmptyText]
    """The status as sent, when it is `unknown` here."""
    started: NotRequired[PartialDate]
    """When it began."""
    ended: NotRequired[PartialDate]
    """When it ended; many systems never say."""
    length_minutes: NotRequired[float]
    """How long it was."""
    length: NotRequired[Quantity]
    """The length as sent, where it was not sent in minutes."""
    edited_at: NotRequired[PartialDate]
    """When its content was last changed: a time of the system, not a clinical one."""
    service_provider: NotRequired[Party]
    """The organisation that it was held for."""
    problems: NotRequired[list[Link]]
    """The problems that it is about as a whole; usually its topics say that."""


@with_config(STRICT)
class ConsultationFields(TypedDict):
    """What a record has of this area."""

    consultations: NotRequired[list[Consultation]]
    """What was recorded on one occasion each, in its order; never the whole record (CS-093)."""
