"""What is published of a care record: each section that came, then which came and which did not."""

from collections.abc import Sequence
from typing import Final, Literal, NotRequired
from uuid import NAMESPACE_URL, uuid5

from pydantic import with_config
from typing_extensions import TypedDict

from bridge.contracts.envelope import event_id
from bridge.contracts.events import Event
from bridge.errors import MESSAGES, FailureCode, RequestFailed, Stage
from bridge.record.care_record import CARE_RECORD_LABEL, CareRecordSection, Failure, ViewState
from bridge.record.common import STRICT
from bridge.record.retrieval import Verdict
from bridge.record.sections import SECTIONS, SectionCode
from bridge.values import dataclass

CARE_RECORD_SECTION: Final = "care_record.section.published.v1"
CARE_RECORD_COMPLETED: Final = "care_record.completed.v1"


@with_config(STRICT)
class SectionPublished(TypedDict):
    """A section that came, and the event that holds it."""

    section: SectionCode
    title: str
    event_id: str
    state: ViewState
    may_say_none: bool
    """True only where a screen may say "nothing recorded"."""
    verdict: Verdict
    """`review`: a person looks at the differing details first; they are in the section's event."""


@with_config(STRICT)
class SectionFailed(TypedDict):
    """A section that did not come. Nothing may be concluded from its absence."""

    section: SectionCode
    title: str
    code: FailureCode
    stage: Stage
    retryable: bool
    """Whether asking again later may help; the engine's own retries are used up."""
    message: str
    """For the person who asked."""
    advice: str
    failure: NotRequired[Failure]
    """Why an answer that did come cannot be shown."""
    detail: NotRequired[str]
    """For the integration team: codes and names only."""


@with_config(STRICT)
class CareRecordCompleted(TypedDict):
    """``care_record.completed.v1``: which sections came and which did not; published last."""

    schema_version: Literal["1.0"]
    snapshot_id: str
    nhs_number: str
    """The patient's current NHS number."""
    superseded_nhs_number: NotRequired[str]
    patient_key: NotRequired[str]
    source_label: str
    """To be shown with the sections: it says where they come from."""
    holder_ods: str
    """ODS code of the practice that was asked."""
    complete: bool
    """Whether every section that was asked for came."""
    published: list[SectionPublished]
    """In the order in which sections must be offered and shown (HT-011)."""
    failed: list[SectionFailed]
    """In the same order. What is not there is unknown, never none."""


@dataclass(frozen=True, slots=True)
class NotShown:
    """A section that is not published, and why. `failure` when an answer came that cannot be shown."""

    section: SectionCode
    error: RequestFailed
    failure: Failure | None = None


def section_published(section: CareRecordSection) -> Event:
    """The event of one section."""
    return Event(
        CARE_RECORD_SECTION,
        section,
        snapshot_id=section["snapshot_id"],
        patient_key=section.get("patient_key"),
    )


def care_record_completed(
    sections: Sequence[CareRecordSection], not_shown: Sequence[NotShown], *, request_id: str
) -> Event:
    """The last event: what came, and what did not. At least one section came."""
    order = list(SECTIONS)
    first = sections[0]
    snapshots = (section["snapshot_id"] for section in sections)
    failures = (f"{one.section}:{one.error.code}" for one in not_shown)
    data: CareRecordCompleted = {
        "schema_version": "1.0",
        "snapshot_id": str(uuid5(NAMESPACE_URL, "|".join((request_id, *snapshots, *failures)))),
        "nhs_number": first["nhs_number"],
        "source_label": CARE_RECORD_LABEL,
        "holder_ods": first["holder_ods"],
        "complete": not not_shown,
        "published": [
            _came(section, request_id)
            for section in sorted(sections, key=lambda one: order.index(one["section"]))
        ],
        "failed": [_failed(one) for one in sorted(not_shown, key=lambda one: order.index(one.section))],
    }
    if "superseded_nhs_number" in first:
        data["superseded_nhs_number"] = first["superseded_nhs_number"]
    if "patient_key" in first:
        data["patient_key"] = first["patient_key"]
    return Event(
        CARE_RECORD_COMPLETED, data, snapshot_id=data["snapshot_id"], patient_key=first.get("patient_key")
    )


def _came(section: CareRecordSection, request_id: str) -> SectionPublished:
    return {
        "section": section["section"],
        "title": section["title"],
        "event_id": event_id(request_id, CARE_RECORD_SECTION, section["snapshot_id"]),
        "state": section["state"],
        "may_say_none": section["may_say_none"],
        "verdict": section["demographics"]["verdict"],
    }


def _failed(one: NotShown) -> SectionFailed:
    error = one.error
    message, advice = MESSAGES[error.code]
    failed: SectionFailed = {
        "section": one.section,
        "title": SECTIONS[one.section].title,
        "code": error.code,
        "stage": error.stage,
        "retryable": error.retryable,
        "message": message,
        "advice": advice,
    }
    if one.failure is not None:
        failed["failure"] = one.failure
    if error.detail:
        failed["detail"] = error.detail
    return failed
