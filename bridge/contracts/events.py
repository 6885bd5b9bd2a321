"""What the engine publishes: the data of each event, and how it is made from a record.

A consumer of one topic alone sees everything it must not miss: who, when, from which practice, how
complete the area is, and what was withheld. Parts come first, ``record.completed`` last and names them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, cast

import orjson
from pydantic import with_config
from typing_extensions import TypedDict

from bridge.contracts.envelope import event_id
from bridge.contracts.requests import MedicationOptions
from bridge.errors import MESSAGES, FailureCode, RequestFailed, RequestRejected, Stage
from bridge.record import (
    Allergy,
    AllergyKind,
    AllergyStatement,
    Area,
    DemographicsCheck,
    GpRecord,
    Issue,
    LinkedProblem,
    MedicationCourse,
    Unmapped,
)
from bridge.record.common import STRICT

MEDICATIONS_PUBLISHED = "medications.published.v1"
ALLERGIES_PUBLISHED = "allergies.published.v1"
RECORD_COMPLETED = "record.completed.v1"
REQUEST_FAILED = "request.failed.v1"
REQUEST_REJECTED = "request.rejected.v1"


@with_config(STRICT)
class RecordHeader(TypedDict):
    """Stands at the top of every event that tells of a record."""

    schema_version: Literal["1.0"]
    snapshot_id: str
    """The same for all events of one answer; the same again when the same answer is published again."""
    nhs_number: str
    """The patient's current NHS number."""
    superseded_nhs_number: NotRequired[str]
    """The number that was asked for, when PDS says that it was replaced by the current one (CS-007)."""
    patient_key: NotRequired[str]
    source_label: str
    """To be shown with the data: it says where the data comes from (CS-052)."""
    retrieved_at: str
    """To be shown with the data (CS-053). RFC 3339, UTC."""
    holder_ods: NotRequired[str]
    """ODS code of the practice that answered."""
    holder_name: NotRequired[str]
    source_hash: str
    """SHA-256 of the practice's answer as received."""
    demographics: DemographicsCheck
    """Verdict ``review``: a person must look at the differences before the data is used (CS-048, CS-049)."""


@with_config(STRICT)
class MedicationsPublished(RecordHeader):
    """``medications.published.v1``: every medication course, with its plan and issues."""

    area: Area
    """How complete this is. ``items: []`` means "none" only when the outcome is ``nothing_recorded``."""
    issues_included: bool
    """False: issues were not asked for; their absence says nothing."""
    content_hash: str
    items: list[MedicationCourse]
    linked_problems: list[LinkedProblem]
    """Why: the problems that the items' ``problem_refs`` name."""
    unmapped: list[Unmapped]
    issues: list[Issue]


@with_config(STRICT)
class AllergiesPublished(RecordHeader):
    """``allergies.published.v1``: allergies and intolerances, active and (when asked for) ended."""

    area: Area
    ended_area: Area
    allergy_statement: AllergyStatement
    """The one place to read whether there are allergies. ``nothing_recorded`` is not "no allergies".

    ``no_known_allergies_of_kind`` holds for the kinds in ``no_known_allergy_kinds`` alone.
    """
    no_known_allergy_kinds: list[AllergyKind]
    """With ``no_known_allergies_of_kind``: of what no allergy is known. Empty with any other statement."""
    requires_prescribing_block: bool
    """A degraded drug allergy is present: prescribing must be prevented until it is re-coded (CS-084)."""
    content_hash: str
    items: list[Allergy]
    linked_problems: list[LinkedProblem]
    unmapped: list[Unmapped]
    issues: list[Issue]


@with_config(STRICT)
class Part(TypedDict):
    """One published part of a record, as the manifest names it."""

    event_id: str
    kind: str
    items: int
    content_hash: str


@with_config(STRICT)
class RecordCompleted(RecordHeader):
    """``record.completed.v1``: the manifest; published last. All parts it names were published before."""

    parts: list[Part]
    areas: list[Area]
    counts: dict[str, int]
    """Resources in the answer, per FHIR type."""
    unmapped: list[Unmapped]
    issues: list[Issue]


@with_config(STRICT)
class RequestFailedData(TypedDict):
    """``request.failed.v1``: the request was understood and could not be fulfilled. No clinical data."""

    code: FailureCode
    stage: Stage
    retryable: bool
    """Whether asking again later may help; the engine's own retries are used up."""
    attempts: int
    message: str
    """For the person who asked."""
    advice: str
    detail: NotRequired[str]
    """For the integration team: codes and names only."""


@with_config(STRICT)
class Fault(TypedDict):
    """One field at fault."""

    field: str
    rule: str


@with_config(STRICT)
class RequestRejectedData(TypedDict):
    """``request.rejected.v1``: the message is at fault; nothing was called; it lies in the dead letters."""

    faults: list[Fault]
    retryable: Literal[False]
    message: str


@dataclass(frozen=True, slots=True)
class Event:
    """An event to publish: its kind is also its routing key.

    Attributes:
        kind: ``<subject>.<verb>.v1``.
        data: JSON-able; the only place where the NHS number may stand.
        snapshot_id: of the record it tells of; empty when it tells of none.
        patient_key: keyed hash for ordering and partitioning.
    """

    kind: str
    data: Mapping[str, Any]
    snapshot_id: str = ""
    patient_key: str | None = None


EVENT_TYPES: dict[str, Any] = {
    MEDICATIONS_PUBLISHED: MedicationsPublished,
    ALLERGIES_PUBLISHED: AllergiesPublished,
    RECORD_COMPLETED: RecordCompleted,
    REQUEST_FAILED: RequestFailedData,
    REQUEST_REJECTED: RequestRejectedData,
}
"""Every event of the engine itself; a site's own pipeline declares its own besides."""


def medications_published(record: GpRecord, options: MedicationOptions) -> Event:
    """The medications part of a record."""
    items = record["medications"]
    data: MedicationsPublished = {
        **_header(record),
        "area": _area(record, "medications"),
        "issues_included": options.include_issues,
        "content_hash": content_hash(items),
        "items": items,
        "linked_problems": record["linked_problems"],
        "unmapped": [
            entry for entry in record["unmapped"] if entry.get("area", "medications") == "medications"
        ],
        "issues": record["issues"],
    }
    return _event(MEDICATIONS_PUBLISHED, record, data)


def allergies_published(record: GpRecord) -> Event:
    """The allergies part of a record."""
    items = record["allergies"]
    data: AllergiesPublished = {
        **_header(record),
        "area": _area(record, "allergies"),
        "ended_area": _area(record, "ended_allergies"),
        "allergy_statement": record["allergy_statement"],
        "no_known_allergy_kinds": record.get("no_known_allergy_kinds", []),
        "requires_prescribing_block": any(item["requires_prescribing_block"] for item in items),
        "content_hash": content_hash(items),
        "items": items,
        "linked_problems": record["linked_problems"],
        "unmapped": [
            entry for entry in record["unmapped"] if entry.get("area", "allergies") != "medications"
        ],
        "issues": record["issues"],
    }
    return _event(ALLERGIES_PUBLISHED, record, data)


def record_completed(record: GpRecord, parts: Sequence[Event], *, request_id: str) -> Event:
    """The manifest of a record whose parts are `parts`."""
    data: RecordCompleted = {
        **_header(record),
        "parts": [
            {
                "event_id": event_id(request_id, part.kind, part.snapshot_id),
                "kind": part.kind,
                "items": len(part.data["items"]),
                "content_hash": part.data["content_hash"],
            }
            for part in parts
        ],
        "areas": record["areas"],
        "counts": record["counts"],
        "unmapped": record["unmapped"],
        "issues": record["issues"],
    }
    return _event(RECORD_COMPLETED, record, data)


def request_failed(failure: RequestFailed, *, attempts: int) -> Event:
    """The failure event of a request. Carries no record, and the same id however often it is published."""
    message, advice = MESSAGES[failure.code]
    data: RequestFailedData = {
        "code": failure.code,
        "stage": failure.stage,
        "retryable": failure.retryable,
        "attempts": attempts,
        "message": message,
        "advice": advice,
    }
    if failure.detail:
        data["detail"] = failure.detail
    return Event(REQUEST_FAILED, data)


def request_rejected(rejection: RequestRejected) -> Event:
    """The rejection event of a message: each field at fault and the rule it breaks, never its value."""
    data: RequestRejectedData = {
        "faults": [{"field": field, "rule": rule} for field, rule in rejection.faults],
        "retryable": False,
        "message": "The message is not a valid request; nothing was asked. Correct it and send it again.",
    }
    return Event(REQUEST_REJECTED, data)


def content_hash(items: Sequence[Any]) -> str:
    """``sha256:`` of the items as compact JSON: equal hashes, equal content."""
    return f"sha256:{hashlib.sha256(orjson.dumps(items)).hexdigest()}"


def _header(record: GpRecord) -> RecordHeader:
    fields: Mapping[str, object] = record
    return cast(
        "RecordHeader", {name: fields[name] for name in RecordHeader.__annotations__ if name in fields}
    )


def _area(record: GpRecord, name: str) -> Area:
    return next(area for area in record["areas"] if area["area"] == name)


def _event(kind: str, record: GpRecord, data: Mapping[str, Any]) -> Event:
    return Event(kind, data, snapshot_id=record["snapshot_id"], patient_key=record.get("patient_key"))
