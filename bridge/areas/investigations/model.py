"""Investigations: a report, what was asked, which specimens were taken, and what was found in them."""

from typing import Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bridge.record.common import (
    STRICT,
    AreaItem,
    BusinessId,
    CodedText,
    Link,
    NonEmptyText,
    Note,
    PartialDate,
    Party,
    Quantity,
)
from bridge.record.observations import Observation

InvestigationStatus = Literal["final", "preliminary", "unknown"]


@with_config(STRICT)
class ReportGroup(Observation):
    """A battery of tests: its heading, perhaps with a value and words of its own, and its results."""

    results: list[Observation]
    """Each stands in one group. Those of a group inside of this one stand there: `members` leads to it."""
    grouped_by: NotRequired[Literal["order"]]
    """Present where nothing but the order of the report says what belongs to the heading."""


@with_config(STRICT)
class FilingComment(Observation):
    """What a clinician wrote about results when they were filed (a note; `code` says no more).

    There may be several about the same: the earliest tells when it was filed. Without any it was perhaps not
    filed at all. It has `text` in place of `comment` and `filed_at` in place of `effective`; `recorded_at` is
    when it was written.
    """

    source_ref: NonEmptyText
    text: NotRequired[NonEmptyText]
    """With its layout; at one supplier lines of `Key: value`."""
    filed_at: NotRequired[PartialDate]
    about: NotRequired[Link]
    """The result or the group that it is about. Absent: it is about the report as a whole."""
    also_about: NotRequired[list[Link]]
    """Further ones."""


@with_config(STRICT)
class Specimen(TypedDict):
    """What was examined. One that several reports name stands in each of them."""

    source_ref: NonEmptyText
    """To which `specimen` of a result leads."""
    business_ids: list[BusinessId]
    notes: list[Note]
    security_labels: list[str]
    """`NOPAT`: not to be disclosed to the patient. Its absence says nothing (CS-059)."""
    issue_codes: list[str]
    accession: NotRequired[NonEmptyText]
    """The number that the laboratory gave it."""
    status: NotRequired[NonEmptyText]
    """As sent: `available`, or `unsatisfactory` for example."""
    type: NotRequired[CodedText]
    collected: NotRequired[PartialDate]
    """When it was taken; of a period, its start."""
    collected_to: NotRequired[PartialDate]
    received_at: NotRequired[PartialDate]
    """When the laboratory had it."""
    collector: NotRequired[Party]
    quantity: NotRequired[Quantity]
    body_site: NotRequired[CodedText]
    method: NotRequired[CodedText]
    fasting: NotRequired[CodedText]
    """Whether the patient had fasted, as the laboratory was told."""
    fasted_for: NotRequired[Quantity]


@with_config(STRICT)
class InvestigationRequest(TypedDict):
    """A summary of what was asked of the laboratory."""

    source_ref: NonEmptyText
    business_ids: list[BusinessId]
    code: CodedText
    reason: list[CodedText]
    reason_items: list[Link]
    """The items that are the reason."""
    notes: list[Note]
    security_labels: list[str]
    issue_codes: list[str]
    status: NotRequired[NonEmptyText]
    """As sent: `active` by the specification, whatever became of it since."""
    do_not_perform: NotRequired[bool]
    """Present, and true, when the practice sent that this is NOT to be done. GP Connect does not use that
    element."""
    requested_at: NotRequired[PartialDate]
    requester: NotRequired[Party]
    performer: NotRequired[Party]


@with_config(STRICT)
class NamedElsewhere(TypedDict):
    """What a report names and does not hold: it was not sent, or it stands in another item."""

    named_as: Literal["result", "specimen", "request"]
    target: Link


@with_config(STRICT)
class InvestigationReport(AreaItem):
    """One report (DiagnosticReport).

    Notes stand at every level, and each may change how a result is to be read: `conclusion`,
    `filing_comments`, `comment` of groups and of results, `notes` of specimens and requests. Show all of them
    (CS-101), with their line ends and in a fixed width (CS-103).
    """

    code: CodedText
    """Always "Diagnostic studies report" by the specification: what was tested, `title` tells."""
    title: NonEmptyText
    """The names of what was tested: a name to show, never a finding."""
    title_from: Literal["results", "code"]
    """Whether `title` was made of the names of groups and results, or is that of `code`."""
    status: InvestigationStatus
    """`unknown` of every report of one supplier."""
    categories: list[CodedText]
    """The kind of laboratory. Laboratories are not consistent in it: do not filter by it (CS-102)."""
    performers: list[Party]
    coded_diagnoses: list[CodedText]
    notes: list[Note]
    requests: list[InvestigationRequest]
    specimens: list[Specimen]
    groups: list[ReportGroup]
    results: list[Observation]
    """The results that are in no group."""
    filing_comments: list[FilingComment]
    source_status: NotRequired[NonEmptyText]
    """Where it is not one that GP Connect uses, `entered-in-error` for example."""
    issued: NotRequired[PartialDate]
    """When the laboratory released it, which is what a period is searched by."""
    conclusion: NotRequired[NonEmptyText]
    """The laboratory's own words, layout as sent."""
    elsewhere: NotRequired[list[NamedElsewhere]]


@with_config(STRICT)
class InvestigationFields(TypedDict):
    """What a record has of this area."""

    investigations: NotRequired[list[InvestigationReport]]
    """Reports of laboratories, the newest first; what they found stands in them alone."""
