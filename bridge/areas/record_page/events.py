"""The events that a page shows, and which of them tell of one record."""

from collections.abc import Iterable, Mapping
from dataclasses import field
from itertools import zip_longest
from typing import Any, TypeVar, cast

from bridge.areas.allergies.events import AllergiesPublished, allergies_published
from bridge.areas.events import AreaPublished, RecordCompleted, RecordHeader, record_completed
from bridge.areas.gp_record import GpRecord
from bridge.areas.medications.events import MedicationsPublished, medications_published
from bridge.areas.medications.options import MedicationOptions
from bridge.areas.table import AREAS
from bridge.contracts.events import RequestFailedData, RequestRejectedData
from bridge.record.care_record import CareRecordSection
from bridge.values import dataclass

Key = tuple[str, str, str]
"""Snapshot, time and NHS number: what the events of one record have in common."""
T = TypeVar("T", bound=Mapping[str, Any])


@dataclass(slots=True)
class Events:
    """The data of events, by kind; each as its contract has it.

    Attributes:
        areas: those of every other area, by kind.
        unknown_fields: whether any held a field that this version does not know.
    """

    sections: list[CareRecordSection] = field(default_factory=list)
    medications: list[MedicationsPublished] = field(default_factory=list)
    allergies: list[AllergiesPublished] = field(default_factory=list)
    completed: list[RecordCompleted] = field(default_factory=list)
    failed: list[RequestFailedData] = field(default_factory=list)
    rejected: list[RequestRejectedData] = field(default_factory=list)
    areas: dict[str, list[AreaPublished]] = field(default_factory=dict)
    unknown_fields: bool = False

    def is_of_a_record(self) -> bool:
        """Whether there is anything but sections of a care record."""
        return bool(
            self.medications or self.allergies or self.areas or self.completed or self.failed or self.rejected
        )

    def add_record(self, record: GpRecord) -> None:
        """Take in a whole record as the events that would be published of it.

        Its identity was not checked by anybody, and it may hold no NHS number; its header says so.
        """
        included = [each["plan"]["issues_included"] for each in record["medications"] if "plan" in each]
        medications = medications_published(record, MedicationOptions(include_issues=all(included)))
        allergies = allergies_published(record)
        others = [
            area.publish(record, None)
            for area in AREAS.areas
            if area.kind not in (medications.kind, allergies.kind) and _says_something(record, area.name)
        ]
        completed = record_completed(record, [medications, allergies, *others], request_id="")
        self.medications.append(cast("MedicationsPublished", medications.data))
        self.allergies.append(cast("AllergiesPublished", allergies.data))
        for each in others:
            self.areas.setdefault(each.kind, []).append(cast("AreaPublished", each.data))
        self.completed.append(cast("RecordCompleted", completed.data))


def _says_something(record: GpRecord, area: str) -> bool:
    """Whether an area was asked for, or came along; a record may be older than the area."""
    fields: Mapping[str, Any] = record
    asked = any(each["area"] == area and each["outcome"] != "not_requested" for each in record["areas"])
    return area in fields and (asked or bool(fields[area]))


@dataclass(frozen=True, slots=True)
class RecordEvents:
    """The events of one retrieval."""

    header: RecordHeader
    medications: MedicationsPublished | None
    allergies: AllergiesPublished | None
    completed: RecordCompleted | None
    areas: Mapping[str, AreaPublished]
    """Those of every other area, by kind."""

    @property
    def nhs_number(self) -> str:
        """Empty in a record that was mapped from a file which holds none."""
        return str(self.header.get("nhs_number", ""))


def records(events: Events) -> list[RecordEvents]:
    """The records that events tell of, in order; an event that came twice counts once."""
    medications, allergies, completed = (
        _by_record(events.medications),
        _by_record(events.allergies),
        _by_record(events.completed),
    )
    areas = {kind: _by_record(of_kind) for kind, of_kind in events.areas.items()}
    keys: dict[Key, Any] = {**allergies, **medications, **completed}
    for of_area in areas.values():
        keys |= of_area
    found = []
    for key in keys:
        for of_medications, of_allergies, manifest, *others in zip_longest(
            medications.get(key, []),
            allergies.get(key, []),
            completed.get(key, []),
            *(of_area.get(key, []) for of_area in areas.values()),
        ):
            told = {kind: each for kind, each in zip(areas, others, strict=True) if each is not None}
            header = of_allergies or of_medications or manifest or next(iter(told.values()))
            found.append(RecordEvents(header, of_medications, of_allergies, manifest, told))
    return found


def _by_record(events: Iterable[T]) -> dict[Key, list[T]]:
    groups: dict[Key, list[T]] = {}
    for data in events:
        key = (data["snapshot_id"], data["retrieved_at"], data.get("nhs_number", ""))
        group = groups.setdefault(key, [])
        if data not in group:
            group.append(data)
    return groups
