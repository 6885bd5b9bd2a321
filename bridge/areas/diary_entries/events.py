"""What is published of diary entries."""

from dataclasses import replace
from typing import Final, Literal

from pydantic import with_config

from bridge.areas.diary_entries.model import DiaryEntry, DiaryFields
from bridge.areas.events import AreaChanged, AreaPublished, area_published
from bridge.contracts.changes import ItemChange
from bridge.contracts.events import Event
from bridge.record import Retrieved
from bridge.record.common import STRICT

DIARY_ENTRIES_PUBLISHED: Final = "diary_entries.published.v1"
ADVICE: Final = (
    "Each entry is an action that was planned and is not complete, whatever its code says. "
    "Some may have been done already. Other medication reviews may stand elsewhere in the record."
)
"""To be shown with diary entries (CS-107, CS-108, CS-111)."""


@with_config(STRICT)
class DiaryEntriesPublished(AreaPublished):
    """``diary_entries.published.v1``: planned actions that are not complete, and nothing that was done."""

    meaning: Literal["planned_not_done"]
    """Of every item (CS-107, CS-109)."""
    advice: str
    """To be shown with the items (CS-108, CS-111). A fixed text."""
    items: list[DiaryEntry]
    """Planned actions that are not complete: no `code` among them says that anything was done or is so."""


@with_config(STRICT)
class DiaryEntriesChanged(AreaChanged):
    """``diary_entries.changed.v1``: what became of planned actions since they were told last.

    One that is `not_returned` may have been done, or not: that it is complete is nowhere said (CS-107).
    """

    meaning: Literal["planned_not_done"]
    """Of every item (CS-107, CS-109)."""
    advice: str
    """To be shown with the items (CS-108, CS-111). A fixed text."""
    changes: list[ItemChange[DiaryEntry]]
    """By `item_id`."""


class DiaryRecord(Retrieved, DiaryFields):
    """A record that has this area."""


def diary_entries_published(record: DiaryRecord) -> Event:
    """The diary entries of a record, with what they mean."""
    said = {"meaning": "planned_not_done", "advice": ADVICE}
    event = area_published(DIARY_ENTRIES_PUBLISHED, record, "diary_entries")
    return replace(event, data={**event.data, **said})
