"""What is published of a record: what all of its events share, and the manifest that names them.

A consumer of one topic alone sees everything it must not miss: who, when, from which practice, how
complete the area is, and what was withheld. Parts come first, ``record.completed`` last and names them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NotRequired, cast

import orjson
from pydantic import with_config
from typing_extensions import TypedDict

from bridge.contracts.changes import AreaCompared, ChangedSince
from bridge.contracts.envelope import event_id
from bridge.contracts.events import Event, Written
from bridge.contracts.renderings import RenderingOutcome
from bridge.record import Area, DemographicsCheck, Issue, LinkedProblem, Retrieved, Unmapped
from bridge.record.common import STRICT

RECORD_COMPLETED: Final = "record.completed.v1"


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
class AreaTold(RecordHeader):
    """What every event of one area holds besides its items, or what changed of them."""

    area: Area
    """How it was answered. ``not_requested``: all items came along with something else."""
    linked_problems: list[LinkedProblem]
    """Why: the problems that the items' ``problem_refs`` name."""
    unmapped: list[Unmapped]
    issues: list[Issue]


@with_config(STRICT)
class AreaPublished(AreaTold):
    """What every event of one area holds besides its `items`."""

    content_hash: str


@with_config(STRICT)
class AreaChanged(AreaTold, ChangedSince):
    """What every event of the changes of one area holds besides its `changes`."""


@with_config(STRICT)
class Part(TypedDict):
    """One published part of a record, as the manifest names it."""

    event_id: str
    kind: str
    items: int
    content_hash: str


@with_config(STRICT)
class RecordManifest(RecordHeader):
    """What a pipeline says of a whole record."""

    parts: list[Part]
    areas: list[Area]
    counts: dict[str, int]
    """Resources in the answer, per FHIR type."""
    unmapped: list[Unmapped]
    issues: list[Issue]


@with_config(STRICT)
class RecordCompleted(RecordManifest):
    """``record.completed.v1``: the manifest; published last. All parts it names were published before."""

    renderings: NotRequired[list[RenderingOutcome]]
    """What became of each further form that the site has switched on or the request asked for. Their messages
    were published before this event."""
    changed: NotRequired[bool]
    """Where changes are told of: whether any area that was asked for is not as it was told last. Absent: some
    could not be compared, and `compared` says which."""
    compared: NotRequired[list[AreaCompared]]
    """Where changes are told of: what a comparison of each area that was asked for came to."""


def record_completed(record: Retrieved, parts: Sequence[Event], *, request_id: str) -> Event:
    """The manifest of a record whose parts are `parts`."""
    data: RecordManifest = {
        **header(record),
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
    return record_event(RECORD_COMPLETED, record, data, written=parts[0].written if parts else {})


def area_published(kind: str, record: Retrieved, name: str) -> Event:
    """The event of one area, with all its items.

    Args:
        kind: of the event; its data is an `AreaPublished` with `items`.
        record: that has the area.
        name: of the area.
    """
    fields: Mapping[str, Any] = record
    items = fields[name]
    written = Written.of(items)
    data = {
        **header(record),
        "area": answered(record, name),
        "content_hash": hash_of(written.json),
        "items": items,
        "linked_problems": record["linked_problems"],
        "unmapped": [entry for entry in record["unmapped"] if entry.get("area", name) == name],
        "issues": record["issues"],
    }
    return record_event(kind, record, data, written={"items": written})


def content_hash(items: Sequence[Any]) -> str:
    """``sha256:`` of the items as compact JSON: equal hashes, equal content."""
    return hash_of(orjson.dumps(items))


def hash_of(json: bytes) -> str:
    """``sha256:`` of JSON."""
    return f"sha256:{hashlib.sha256(json).hexdigest()}"


def header(record: Retrieved) -> RecordHeader:
    """What stands at the top of every event about a record."""
    fields: Mapping[str, object] = record
    return cast(
        "RecordHeader", {name: fields[name] for name in RecordHeader.__annotations__ if name in fields}
    )


def answered(record: Retrieved, name: str) -> Area:
    """How an area, or a list of one, was answered."""
    return next(area for area in record["areas"] if area["area"] == name)


def record_event(
    kind: str, record: Retrieved, data: Mapping[str, Any], *, written: Mapping[str, Written] | None = None
) -> Event:
    """An event about a record.

    Args:
        kind: of the event.
        record: that it tells of.
        data: what it tells.
        written: fields of `data` that are JSON already.
    """
    return Event(
        kind,
        data,
        snapshot_id=record["snapshot_id"],
        patient_key=record.get("patient_key"),
        written=written or {},
    )
