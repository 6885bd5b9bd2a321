"""One section of the care record as the practice renders it (Access Record HTML), made safe to show.

The HTML is for a clinician's eyes. The rows are the same words for a system that cannot show HTML. Neither
is coded data, and nothing here may be imported as such (HT-012).
"""

from typing import Final, Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bridge.record.common import STRICT, Issue, NonEmptyText, Severity
from bridge.record.issue_codes import ISSUES
from bridge.record.retrieval import Match, Verdict
from bridge.record.sections import SectionCode

CARE_RECORD_VERSION: Final = "1.0"
CARE_RECORD_LABEL: Final = "GP practice record as the practice shows it, retrieved through GP Connect"
VIEWING_AID: Final = "For reading only: words of the practice's page, not coded data. Do not import them."
"""Stands with the rows, so that whoever has them alone knows what they are (HT-012)."""

BannerKind = Literal["transfer", "content", "date", "exclusion"]
Absence = Literal["nothing_recorded", "retrieval_not_supported", "access_denied", "not_stored"]
"""The four things a practice says in place of data; only the first is about the patient.

`nothing_recorded`: it holds none. `retrieval_not_supported`: its system cannot give it, it may hold some.
`access_denied`: it holds back what there may be. `not_stored`: its system has no such data for anybody.
"""
ViewState = Literal[
    "content",
    "nothing_recorded",
    "retrieval_not_supported",
    "access_denied",
    "not_stored",
    "withheld",
    "transfer_incomplete",
    "unstated",
    "failed",
]
"""What there is to see, or why there is nothing.

`content`: something is there to read. The four of `Absence`: the practice's own statement, and nothing
speaks against it. `withheld`: nothing to read, and items were excluded. `transfer_incomplete`: nothing to
read, and the record has not wholly arrived from the practice before. `unstated`: nothing to read, and
the practice did not say why. `failed`: the answer cannot be shown; see `failure`.
"""
Failure = Literal[
    "not_a_care_record",
    "section_missing",
    "other_section",
    "other_patient",
    "too_large",
    "text_would_be_lost",
    "marks_would_be_lost",
]
"""Why a section cannot be shown.

`not_a_care_record`: the answer holds no Composition. `section_missing`: that holds no section with HTML.
`other_section`: it is not the one that was asked for, or two claim to be. `other_patient`: the answer is
about another patient, or about none (HT-037). `too_large`: more HTML, or more deeply nested, than is worked
on. `text_would_be_lost`: made safe, it would show other words than the practice sent (HT-023).
`marks_would_be_lost`: made safe, it would strike out, raise or lower other words than the practice did, so
that a withdrawn entry could read as a valid one.
"""
NotAsRows = Literal["headings_change", "cells_unclear"]
"""Why a table cannot be given as rows. `headings_change`: further down it has other column headings.
`cells_unclear`: cells reach over more columns than can be followed, or over each other."""
PatientField = Literal[
    "nhs_number", "birth_date", "family_name", "given_name", "gender", "practice_ods", "deceased"
]


@with_config(STRICT)
class Banner(TypedDict):
    """A notice of the practice's, to be shown as it was returned (HT-022)."""

    kind: BannerKind
    """`transfer`: the record is incomplete (HT-034). `exclusion`: items were held back."""
    text: NonEmptyText


@with_config(STRICT)
class Row(TypedDict):
    """One row of a table."""

    cells: dict[str, str]
    """By column heading, in order; dates as `dd-Mmm-yyyy`, lines of a cell apart by a line feed. An empty
    cell is left out. A column without a heading is `Column n`, the second of two alike `Heading (2)`; one
    under several headings, one above the other, has them all: `Dose Morning`.

    Words that the page strikes out stand in `[struck out: …]`: they are no longer valid. Raised and lowered
    figures are written as such, 10⁹; other raised and lowered words as `^(…)` and `_(…)`."""
    struck_out: NotRequired[list[str]]
    """The columns whose cell holds struck-out words, in order."""
    group: NotRequired[NonEmptyText]
    """The group heading that the row stands under: the medication, where a table is grouped by it."""


@with_config(STRICT)
class Table(TypedDict):
    """One table, in the words of the page."""

    table_id: NotRequired[NonEmptyText]
    """As in the specification, for example `med-tab-acu-med`; some practices send none."""
    columns: list[str]
    groups: list[str]
    """Headings inside the table, in order. They are no rows."""
    rows: list[Row]
    """Head first, then in order, the foot of the table last, as on the page."""
    not_as_rows: NotRequired[NotAsRows]
    """Why the table has no rows here, though the page has: show the page. `groups` and `rows` are empty."""


@with_config(STRICT)
class Subsection(TypedDict):
    """A part of a section under a heading of its own; a section with one table has one part."""

    title: NonEmptyText
    state: ViewState
    may_say_none: bool
    """True only where a screen may say "nothing recorded"."""
    absence: NotRequired[Absence]
    """What the practice said in place of data, whatever else speaks against it."""
    banners: list[Banner]
    """Of this part alone; those of the section hold for it too."""
    tables: list[Table]
    texts: list[str]
    """What stands outside of tables, headings and banners, in order; marked words as in `Row.cells`."""


@with_config(STRICT)
class Period(TypedDict):
    """The days that were asked for, both included; an end that is absent is open."""

    start: NotRequired[NonEmptyText]
    end: NotRequired[NonEmptyText]


@with_config(STRICT)
class PatientDifference(TypedDict):
    """A detail that differs, both values (HT-017)."""

    field: PatientField
    asked: NonEmptyText
    returned: NotRequired[NonEmptyText]


@with_config(STRICT)
class PatientCheck(TypedDict):
    """Whether the answer is about the patient who was asked for (HT-016, HT-037)."""

    nhs_number: Match
    birth_date: Match
    family_name: Match
    given_name: Match
    gender: Match
    practice_ods: Match
    deceased: Match
    differences: list[PatientDifference]
    verdict: Verdict
    """`reject`: nothing may be used, and the section failed. `review`: a person looks at the differences."""


@with_config(STRICT)
class PatientDetails(TypedDict):
    """The patient as the practice describes them: for the eyes, not for comparing (HT-018)."""

    name: NotRequired[NonEmptyText]
    birth_date: NotRequired[NonEmptyText]
    gender: NotRequired[NonEmptyText]
    deceased: NotRequired[NonEmptyText]
    address: NotRequired[list[str]]
    phones: NotRequired[list[str]]
    gp_name: NotRequired[NonEmptyText]
    practice_name: NotRequired[NonEmptyText]


@with_config(STRICT)
class Generator(TypedDict):
    """What made the page, and when, as the practice says."""

    at: NotRequired[NonEmptyText]
    system: NotRequired[NonEmptyText]
    version: NotRequired[NonEmptyText]
    organisation: NotRequired[NonEmptyText]


@with_config(STRICT)
class CareRecordSection(TypedDict):
    """One section of one retrieval. A failed one tells why, and carries nothing of the page."""

    schema_version: Literal["1.0"]
    snapshot_id: NonEmptyText
    """The same for the same content of the same request."""
    source_label: NonEmptyText
    """To be shown with the section."""
    retrieved_at: NonEmptyText
    """RFC 3339, UTC; to be shown with the section."""
    source_hash: NonEmptyText
    """`sha256:` of the bytes received."""
    nhs_number: NonEmptyText
    """The patient's current NHS number, which was asked for."""
    superseded_nhs_number: NotRequired[NonEmptyText]
    patient_key: NotRequired[NonEmptyText]
    holder_ods: NotRequired[NonEmptyText]
    """The practice that answered."""
    holder_name: NotRequired[NonEmptyText]
    section: SectionCode
    title: NonEmptyText
    period: NotRequired[Period]
    """What was asked for; absent when no period was sent."""
    demographics: PatientCheck
    patient: NotRequired[PatientDetails]
    generated: Generator
    state: ViewState
    may_say_none: bool
    """True only where a screen may say "nothing recorded" of the whole section."""
    absence: NotRequired[Absence]
    """What the practice said in place of the whole section, whatever else speaks against it."""
    failure: NotRequired[Failure]
    banners: list[Banner]
    """Of the section as a whole; to be shown with each of its parts."""
    html: NotRequired[str]
    """The page made safe: an allow-list of elements, no script, nothing fetched, links inert."""
    received_html: NotRequired[str]
    """The page as received, as evidence. Never put it on a screen."""
    received_hash: NotRequired[NonEmptyText]
    """`sha256:` of `received_html` as UTF-8; present whenever a page was received."""
    subsections: list[Subsection]
    rows_are: NonEmptyText
    """What the rows and texts of the subsections are, and are not."""
    issues: list[Issue]


CARE_RECORD_ISSUES: Final[dict[str, tuple[Severity, str]]] = {
    "active_content_removed": ("warning", "Scripts or other active content were taken out of the page."),
    "picture_left_out": ("warning", "A picture was left out of the page; see the practice's own system."),
    "hidden_text_shown": ("warning", "Text that the page hides is shown."),
    "text_moved": ("warning", "Text that stood where a table allows none is shown before the table."),
    "title_differs": ("information", "The page has another heading than the section that was asked for."),
    "several_sections": ("warning", "The answer holds several sections; the one asked for is shown."),
    "table_not_as_rows": ("warning", "A table cannot be given as rows without doubt; show the page itself."),
    "unknown_table": ("information", "A table is not one that the specification names."),
    "custodian_unresolved": ("information", "The organisation that keeps the record was not sent."),
    "generator_unresolved": ("information", "The system that made the page was not sent."),
    "section_unnamed": ("warning", "The answer does not say which section it holds."),
    **{code: ISSUES[code] for code in ("byte_order_mark", "replaced_characters")},
}
"""The issue codes of a section, with severity and fixed text: never patient data."""
