"""What is published of allergies."""

from typing import Final

from pydantic import with_config

from bridge.areas.allergies.model import Allergy, AllergyFields, AllergyKind, AllergyStatement
from bridge.areas.events import RecordHeader, answered, hash_of, header, record_event
from bridge.contracts.changes import ChangedSince, ItemChange
from bridge.contracts.events import Event, Written
from bridge.record import Area, Issue, LinkedProblem, Retrieved, Unmapped
from bridge.record.common import STRICT

ALLERGIES_PUBLISHED: Final = "allergies.published.v1"


@with_config(STRICT)
class AllergiesTold(RecordHeader):
    """What events of allergies hold besides the allergies, or what changed of them."""

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
    linked_problems: list[LinkedProblem]
    unmapped: list[Unmapped]
    issues: list[Issue]


@with_config(STRICT)
class AllergiesPublished(AllergiesTold):
    """``allergies.published.v1``: allergies and intolerances, active and (when asked for) ended."""

    content_hash: str
    items: list[Allergy]


@with_config(STRICT)
class AllergiesChanged(AllergiesTold, ChangedSince):
    """``allergies.changed.v1``: what became of allergies and intolerances since they were told last.

    Whether there are any is in `allergy_statement` alone: that none is among the changes says nothing.
    """

    changes: list[ItemChange[Allergy]]
    """By `item_id`."""


class AllergyRecord(Retrieved, AllergyFields):
    """A record that has this area."""


def allergies_published(record: AllergyRecord) -> Event:
    """The allergies part of a record."""
    items = record["allergies"]
    written = Written.of(items)
    data: AllergiesPublished = {
        **header(record),
        "area": answered(record, "allergies"),
        "ended_area": answered(record, "ended_allergies"),
        "allergy_statement": record["allergy_statement"],
        "no_known_allergy_kinds": record.get("no_known_allergy_kinds", []),
        "requires_prescribing_block": any(item["requires_prescribing_block"] for item in items),
        "content_hash": hash_of(written.json),
        "items": items,
        "linked_problems": record["linked_problems"],
        "unmapped": [
            entry for entry in record["unmapped"] if entry.get("area", "allergies") != "medications"
        ],
        "issues": record["issues"],
    }
    return record_event(ALLERGIES_PUBLISHED, record, data, written={"items": written})
