"""What a record says of one answer as a whole: about whom, how complete, and what became of each entry."""

from typing import Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bridge.record.common import STRICT, CodedText, Issue, NonEmptyText, PartialDate

SCHEMA_VERSION: Literal["1.0"] = "1.0"
SOURCE_LABEL = "GP practice record, retrieved through GP Connect"

Match = Literal["match", "mismatch", "absent", "not_checked"]
Verdict = Literal["accept", "review", "reject"]
AreaOutcome = Literal[
    "items",
    "nothing_recorded",
    "only_withheld",
    "not_asked",
    "not_started",
    "unavailable",
    "closed",
    "empty_unexplained",
    "list_unusable",
    "not_requested",
    "not_supported",
    "list_absent",
    "failed",
]
WarningCode = Literal[
    "confidential-items", "data-in-transit", "data-awaiting-filing", "search-date-ignored", "other"
]
UnmappedReason = Literal[
    "malformed", "unknown_type", "unsupported", "dangling_reference", "duplicate_id", "wrong_patient"
]


@with_config(STRICT)
class AreaWarning(TypedDict):
    """Why an area may be incomplete, or holds more than asked for (`search-date-ignored`).

    To be shown wherever the area is shown (CS-044).
    """

    code: WarningCode
    text: NonEmptyText
    """The practice's own words, else the standard words of the code."""
    missing_before: NotRequired[PartialDate]
    """What was recorded before this day may be missing."""
    secondary_list: NotRequired[NonEmptyText]
    """Code of the list that says so, where it is one of what consultations or problems bring: it is of those
    that something is missing. Which of them the practice does not say."""


@with_config(STRICT)
class Area(TypedDict):
    """How one clinical area was answered."""

    area: NonEmptyText
    """The area, or a further list of one: `ended_allergies`."""
    outcome: AreaOutcome
    """`nothing_recorded` means that nothing matched the question, never "none" (CS-092).

    Of lists that are empty for another reason, what the practice said: `only_withheld`, `not_asked`,
    `not_started`, `unavailable`, `closed`; `empty_unexplained` where it gave no reason or an unknown one.
    `list_unusable`: the list is entered in error, not current, of changes only, or names deleted items only;
    or what is not understood may change what the list, the patient or the whole answer means.
    """
    complete: bool
    """False: show no list of this area as the whole of it."""
    listed: int
    """Entries in the practice's list."""
    mapped: int
    """Items of the area in this record, without those that only came along."""
    received: int
    """Resources of the area in the answer, listed or not."""
    warnings: list[AreaWarning]
    placeholders: list[str]
    """Entries the practice could only name: items exist that could not be sent."""
    linked: NotRequired[int]
    """Items that came along with what was asked for (`linked_only`); they count for nothing else here."""
    empty_reason: NotRequired[NonEmptyText]
    """As the practice sent it."""
    note: NotRequired[NonEmptyText]
    """What the practice said about the area as a whole."""
    limited_to: NotRequired[dict[str, bool | int | str]]
    """Options of the request that leave something out, by their names in it: a period, a status, a number of
    the newest. What is said of the area holds within these alone."""
    search_from: NotRequired[NonEmptyText]
    """Only items active on or after this day were asked for (CS-079)."""


@with_config(STRICT)
class Unmapped(TypedDict):
    """Something received that is not among the items, and why."""

    source_ref: NonEmptyText
    reason: UnmappedReason
    detail: NonEmptyText
    """A fixed text."""
    area: NotRequired[NonEmptyText]
    display: NotRequired[NonEmptyText]
    """The best words the resource offers, so that a reader can still see it. Not for another patient's."""


@with_config(STRICT)
class Difference(TypedDict):
    """Local and practice details that differ, both values (CS-049)."""

    field: Literal["nhs_number", "birth_date", "family_name", "given_name", "gender", "practice_ods"]
    asked: NonEmptyText
    returned: NotRequired[NonEmptyText]


@with_config(STRICT)
class DemographicsCheck(TypedDict):
    """Whether this is the patient who was asked for (CS-048, CS-050, CS-051)."""

    nhs_number: Match
    birth_date: Match
    family_name: Match
    given_name: Match
    gender: Match
    practice_ods: Match
    differences: list[Difference]
    verdict: Verdict
    """`reject`: nothing may be used. `review`: a person decides before any import; also where copies of the
    patient differ in any detail, or carry more than one NHS number."""


@with_config(STRICT)
class LinkedProblem(TypedDict):
    """The header of a problem that names an item of this record; its id is among their `problem_refs`."""

    source_ref: NonEmptyText
    code: CodedText
    clinical_status: Literal["active", "inactive", "unknown"]
    significance: NotRequired[Literal["major", "minor"]]


@with_config(STRICT)
class Accounting(TypedDict):
    """Every entry of the answer, once: `received` is the sum of the others."""

    received: int
    mapped: int
    context: int
    """Patient, people, organisations, lists, encounters, linked problems and so on."""
    not_requested: int
    unmapped: int


@with_config(STRICT)
class Retrieved(TypedDict):
    """What a record says of one retrieval, whatever areas it has.

    The untouched answer stays the source of truth; `source_hash` names it.
    """

    schema_version: Literal["1.0"]
    snapshot_id: NonEmptyText
    """The same for the same content of the same request."""
    source_label: NonEmptyText
    """To be shown with the data (CS-052)."""
    retrieved_at: NonEmptyText
    """RFC 3339, UTC; to be shown with the data (CS-053)."""
    source_hash: NonEmptyText
    """`sha256:` of the bytes received."""
    demographics: DemographicsCheck
    areas: list[Area]
    linked_problems: list[LinkedProblem]
    unmapped: list[Unmapped]
    issues: list[Issue]
    counts: dict[str, int]
    """Resources received, per type."""
    accounting: Accounting
    patient_key: NotRequired[NonEmptyText]
    nhs_number: NotRequired[NonEmptyText]
    """As the practice sent it, without the blanks and hyphens that may stand between its digits."""
    superseded_nhs_number: NotRequired[NonEmptyText]
    """The number in the request, where PDS named a newer one."""
    holder_ods: NotRequired[NonEmptyText]
    """The practice that answered."""
    holder_name: NotRequired[NonEmptyText]
    source_version: NotRequired[NonEmptyText]
    """Version the practice's system declares, where the pipeline asked for it."""
