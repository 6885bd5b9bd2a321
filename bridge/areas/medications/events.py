"""What is published of medications."""

from typing import Final

from pydantic import with_config

from bridge.areas.events import RecordHeader, answered, hash_of, header, record_event
from bridge.areas.medications.model import MedicationCourse, MedicationFields
from bridge.areas.medications.options import MedicationOptions
from bridge.contracts.changes import ChangedSince, ItemChange
from bridge.contracts.events import Event, Written
from bridge.record import Area, Issue, LinkedProblem, Retrieved, Unmapped
from bridge.record.common import STRICT

MEDICATIONS_PUBLISHED: Final = "medications.published.v1"


@with_config(STRICT)
class MedicationsTold(RecordHeader):
    """What events of medications hold besides the courses, or what changed of them."""

    area: Area
    """How complete this is. ``items: []`` means "none" only when the outcome is ``nothing_recorded``."""
    issues_included: bool
    """False: issues, or medications at all, were not asked for; their absence says nothing."""
    linked_problems: list[LinkedProblem]
    """Why: the problems that the items' ``problem_refs`` name."""
    unmapped: list[Unmapped]
    issues: list[Issue]


@with_config(STRICT)
class MedicationsPublished(MedicationsTold):
    """``medications.published.v1``: every medication course, with its plan and issues."""

    content_hash: str
    items: list[MedicationCourse]


@with_config(STRICT)
class MedicationsChanged(MedicationsTold, ChangedSince):
    """``medications.changed.v1``: what became of medication courses since they were told last.

    A course that is `ended` is stopped, or completed and over by its dates.
    """

    changes: list[ItemChange[MedicationCourse]]
    """By `item_id`."""


class MedicationRecord(Retrieved, MedicationFields):
    """A record that has this area."""


def medications_published(record: MedicationRecord, options: MedicationOptions | None) -> Event:
    """The medications part of a record."""
    items = record["medications"]
    written = Written.of(items)
    data: MedicationsPublished = {
        **header(record),
        "area": answered(record, "medications"),
        "issues_included": options is not None and options.include_issues,
        "content_hash": hash_of(written.json),
        "items": items,
        "linked_problems": record["linked_problems"],
        "unmapped": [
            entry for entry in record["unmapped"] if entry.get("area", "medications") == "medications"
        ],
        "issues": record["issues"],
    }
    return record_event(MEDICATIONS_PUBLISHED, record, data, written={"items": written})
