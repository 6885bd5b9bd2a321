"""Problems: what the practice holds for a problem of the patient, and what belongs to it."""

from typing import Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bridge.record.common import (
    STRICT,
    AreaItem,
    CodedText,
    Link,
    NonEmptyText,
    Note,
    PartialDate,
    Party,
    Quantity,
)

ProblemRelation = Literal["parent", "child", "sibling", "unknown"]


@with_config(STRICT)
class RelatedProblem(TypedDict):
    """Another problem, and what it is to this one."""

    relation: ProblemRelation
    """`parent`: `target` is the parent of this problem."""
    target: Link
    """Leads nowhere where a search by status left the other one out: then the graph is not whole."""
    relation_as_sent: NotRequired[NonEmptyText]
    """With the relation `unknown`: what the practice calls it."""


@with_config(STRICT)
class Problem(AreaItem):
    """One Condition: a header over items that stand in lists of their own, no diagnosis by itself."""

    condition: CodedText
    """What the problem is, in the same words as the item that was made one."""
    clinical_status: Literal["active", "inactive", "unknown"]
    significance: Literal["major", "minor", "unknown"]
    related_content: list[Link]
    """What belongs to it: what was linked to it, what stands in a topic about it, and the consultations of
    these. Words alone (`display`) stand for what the practice could not send."""
    related_problems: list[RelatedProblem]
    """Problems over, under and beside it. Those of another status than asked for may be missing."""
    notes: list[Note]
    """Of the problem; what was written about its items stands there."""
    actual_problem: NotRequired[Link]
    """The item that was made a problem: the observation, allergy or immunisation that tells the most."""
    source_status: NotRequired[NonEmptyText]
    """The status as sent, when it is `unknown` here."""
    source_significance: NotRequired[NonEmptyText]
    """The significance as sent, when it is `unknown` here."""
    verification_status: NotRequired[NonEmptyText]
    """GP Connect does not use it. Where a practice sends one, `refuted` for example, do not show the problem
    without it."""
    onset: NotRequired[PartialDate]
    """When it was first met."""
    onset_text: NotRequired[NonEmptyText]
    """The onset in words, where no date was sent."""
    onset_age: NotRequired[Quantity]
    """The age of the patient at the onset, where no date was sent."""
    abated: NotRequired[PartialDate]
    """When it was no longer active."""
    abated_text: NotRequired[NonEmptyText]
    """The end in words, where no date was sent."""
    abated_age: NotRequired[Quantity]
    """The age of the patient at the end, where no date was sent."""
    asserted_at: NotRequired[PartialDate]
    """When it was asserted or recorded: practices mean either (OD-39)."""
    asserter: NotRequired[Party]
    """Who holds it for a problem."""


@with_config(STRICT)
class ProblemFields(TypedDict):
    """What a record has of this area."""

    problems: NotRequired[list[Problem]]
    """The problems, the active ones first. The headers that name other items of the record are among
    `linked_problems`, whatever was asked for."""
