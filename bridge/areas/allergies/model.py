"""Allergies and intolerances, active and ended, and the statement that there are none."""

from typing import Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bridge.record.common import (
    STRICT,
    CodedText,
    NonEmptyText,
    Note,
    PartialDate,
    Provenance,
    Quantity,
    Stop,
)

AllergyKind = Literal["drug", "food", "environmental", "latex", "insect", "animal", "other"]
AllergyStatement = Literal[
    "active_allergies",
    "no_known_allergies",
    "no_known_allergies_of_kind",
    "nothing_recorded",
    "contradictory",
    "unavailable",
]


@with_config(STRICT)
class Reaction(TypedDict):
    """What happened."""

    manifestations: list[CodedText]
    """One whose `coding_quality` is `null_flavour` is no reaction: nothing was recorded."""
    description: NotRequired[NonEmptyText]
    severity: NotRequired[Literal["mild", "moderate", "severe"]]
    exposure_route: NotRequired[CodedText]


@with_config(STRICT)
class Allergy(TypedDict):
    """One AllergyIntolerance, without its verificationStatus, which has no meaning (CS-089)."""

    item_id: NonEmptyText
    statement: Literal["propensity", "no_known_allergy"]
    """`no_known_allergy` is not an allergy to anything and must not be imported as one.

    With `no_known_kinds` it holds for these kinds alone and says nothing of others. Where codes and words
    disagree it is a `propensity`, and `issue_codes` has `no_known_conflict`.
    """
    substance: CodedText
    """The causative agent, or an "allergy to …" concept."""
    clinical_status: Literal["active", "resolved", "unknown"]
    """`resolved` must never look active, nor reach decision support (CS-085, CS-086).

    An end ahead of the day of retrieval is none. Where list, state and end disagree, what most of them say;
    in a tie `active`. `issue_codes` then has `status_conflict`.
    """
    category: Literal["medication", "environment", "unknown"]
    """GP Connect uses only these: food is `environment`; a drug or undeterminable agent is `medication`."""
    reactions: list[Reaction]
    notes: list[Note]
    usable_for_decision_support: bool
    """Active and coded. It means "has a code to look up", not "your drug file knows it"."""
    requires_prescribing_block: bool
    """A drug allergy without a usable code: prescribing must be prevented until it is re-coded (CS-084)."""
    issue_codes: list[str]
    provenance: Provenance
    no_known_kinds: NotRequired[list[AllergyKind]]
    """To what no allergy is known; absent from a statement that there is no known allergy at all."""
    linked_only: NotRequired[bool]
    """Present, and true, when it came along with something else that was asked for: see `AreaItem`."""
    source_status: NotRequired[NonEmptyText]
    """The status as sent, when it is not the one shown."""
    reaction_type: NotRequired[Literal["allergy", "intolerance"]]
    criticality: NotRequired[Literal["low", "high", "unable_to_assess"]]
    onset: NotRequired[PartialDate]
    """When it first showed; never taken from `asserted_at`."""
    onset_text: NotRequired[NonEmptyText]
    """The onset in words, where no date was sent."""
    onset_age: NotRequired[Quantity]
    """The age of the patient at the onset, where no date was sent."""
    asserted_at: NotRequired[PartialDate]
    last_occurrence: NotRequired[PartialDate]
    ended: NotRequired[Stop]


@with_config(STRICT)
class AllergyFields(TypedDict):
    """What a record has of this area."""

    allergies: list[Allergy]
    allergy_statement: AllergyStatement
    """The one place that says whether there are allergies.

    `no_known_allergies`: somebody stated that no allergy to anything is known. `no_known_allergies_of_kind`:
    only none of the kinds in `no_known_allergy_kinds`; nothing is known of others. `nothing_recorded` is
    neither, and `unavailable` is not known, or the list that says so is not the whole of it.
    """
    no_known_allergy_kinds: NotRequired[list[AllergyKind]]
    """With `no_known_allergies_of_kind`: the kinds of which no allergy is known."""
