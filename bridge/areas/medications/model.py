"""Medications and medical devices: course (MedicationStatement), plan, issues (MedicationRequest)."""

from typing import Any, Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bridge.record.common import (
    STRICT,
    CodedText,
    NonEmptyText,
    Note,
    PartialDate,
    Party,
    Provenance,
    Quantity,
    Stop,
)

MedicationStatus = Literal["active", "completed", "stopped", "unknown"]
PrescriptionType = Literal["acute", "acute_handwritten", "repeat", "repeat_dispensing", "delayed", "unknown"]
CourseStateName = Literal["current", "ended", "planned", "unknown"]
CourseStateReason = Literal[
    "active",
    "end_ahead",
    "end_passed",
    "starts_later",
    "stopped",
    "active_past_end",
    "completed_without_end",
    "states_differ",
    "date_unreadable",
    "state_unknown",
]
PrescribedBy = Literal["this_practice", "previous_practice", "other_organisation", "unknown"]


@with_config(STRICT)
class Dosage(TypedDict):
    """How to take it. Words first: doses are never computed from them."""

    recorded: bool
    """False when no words were sent: a filler such as `No information available`, withheld, or nothing. What
    `structured` holds is there all the same."""
    text: NotRequired[NonEmptyText]
    absent_reason: NotRequired[NonEmptyText]
    """Why there are no words, as sent: `masked`, `unknown`."""
    sequence: NotRequired[int]
    """The place among the dosages; the same number twice means at the same time."""
    patient_instruction: NotRequired[NonEmptyText]
    structured: NotRequired[dict[str, Any]]
    """The FHIR Dosage whole, when it says more than text."""


@with_config(STRICT)
class Repeat(TypedDict):
    """How often it may be, and has been, issued."""

    issues_authorised: NotRequired[int]
    """In total, the first one included; absent when unlimited or not defined."""
    issues_made: NotRequired[int]
    authorisation_expires: NotRequired[PartialDate]


@with_config(STRICT)
class MedicationIssue(TypedDict):
    """One issue of a prescription (intent `order`)."""

    item_id: NonEmptyText
    status: MedicationStatus
    provenance: Provenance
    notes: list[Note]
    issue_codes: list[str]
    inherited: list[str]
    """Fields the issue left out and that were taken over from its plan, as providers up to 1.5 mean it."""
    source_status: NotRequired[NonEmptyText]
    """The status as sent, when it is not one that GP Connect uses."""
    issue_date: NotRequired[PartialDate]
    """Start of the validity period; `authored_at` is the authorisation, not the issue."""
    supply_ends: NotRequired[PartialDate]
    authored_at: NotRequired[PartialDate]
    medication: NotRequired[CodedText]
    """Only when it differs from the plan's."""
    quantity: NotRequired[Quantity]
    supply_duration: NotRequired[Quantity]
    dosage: NotRequired[Dosage]
    eps_prescription_id: NotRequired[NonEmptyText]
    eps_item_id: NotRequired[NonEmptyText]
    dispenser: NotRequired[Party]


@with_config(STRICT)
class MedicationPlan(TypedDict):
    """The authorisation (intent `plan`)."""

    item_id: NonEmptyText
    status: MedicationStatus
    provenance: Provenance
    prescription_type: PrescriptionType
    notes: list[Note]
    issues_included: bool
    """False: issues were not asked for, so an empty list says nothing."""
    issues: list[MedicationIssue]
    """Newest first."""
    issue_codes: list[str]
    inherited: list[str]
    """Fields the plan left out and that were taken over from the course."""
    prescription_type_text: NotRequired[NonEmptyText]
    """What to show where the type is unknown: as sent, else `No information available` (CS-076)."""
    source_status: NotRequired[NonEmptyText]
    medication: NotRequired[CodedText]
    """Only when it differs from the course's."""
    valid_from: NotRequired[PartialDate]
    valid_to: NotRequired[PartialDate]
    authored_at: NotRequired[PartialDate]
    repeat: NotRequired[Repeat]
    stopped: NotRequired[Stop]
    prior_plan_id: NotRequired[NonEmptyText]
    """`item_id` of the plan this one follows, or its reference when that plan was not sent."""
    quantity: NotRequired[Quantity]
    supply_duration: NotRequired[Quantity]
    dosage: NotRequired[Dosage]


@with_config(STRICT)
class CourseState(TypedDict):
    """Whether a medication runs on the day of retrieval, by its states and dates, whatever the supplier.

    `completed` means issued in one GP system and over in another: the dates decide. Nobody here
    knows what the patient takes.
    """

    state: CourseStateName
    """`current` answers "what is the patient on now". Show `unknown` beside it, never as ended."""
    why: CourseStateReason
    """`active`: said so, and no end. `end_ahead`, `end_passed`, `starts_later`: by its dates. `stopped`:
    ended on purpose. The others are why it is unknown: said to be active after its end, completed without an
    end, its parts in different states, a date that cannot be read, a state that GP Connect does not use."""
    until: NotRequired[PartialDate]
    """The last day, or the day it was stopped, as sent."""


@with_config(STRICT)
class MedicationCourse(TypedDict):
    """One medication or device of the record."""

    item_id: NonEmptyText
    medication: CodedText
    status: MedicationStatus
    """As the practice stated it. Not a filter for current medication: that is `course_state`."""
    course_state: CourseState
    """Whether the patient is on it: its state, why, and until when. It says what is current, not `status`."""
    usable_for_decision_support: bool
    """The drug may be looked up: it has a code, no part of the course names another drug, and nothing
    was sent that may change the meaning and is not understood."""
    provenance: Provenance
    prescribed_by: PrescribedBy
    dosage: list[Dosage]
    notes: list[Note]
    issue_codes: list[str]
    source_status: NotRequired[NonEmptyText]
    prescribed_by_text: NotRequired[NonEmptyText]
    effective_from: NotRequired[PartialDate]
    effective_to: NotRequired[PartialDate]
    asserted_at: NotRequired[PartialDate]
    last_issued: NotRequired[PartialDate]
    """Stated by the GP system."""
    last_issue_seen: NotRequired[PartialDate]
    """Derived: the newest issue here that was not stopped and not later than the retrieval. With the issue
    code `last_issue_uncertain` a newer one may hide behind a date that is missing or cannot be read."""
    dosage_changed_on: NotRequired[PartialDate]
    """The dosage changed while the course ran: look at the GP system's warning in the text (CS-080)."""
    plan: NotRequired[MedicationPlan]
    issue_without_plan: NotRequired[MedicationIssue]
    """An issue whose plan was not sent, so that it is seen: with the statement that is based on it, else as a
    course of its own."""
    linked_only: NotRequired[bool]
    """Present, and true, when it came along with something else that was asked for: see `AreaItem`."""


@with_config(STRICT)
class MedicationFields(TypedDict):
    """What a record has of this area."""

    medications: list[MedicationCourse]
