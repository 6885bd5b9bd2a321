"""How large a record may become: parts refer to each other, so a small bundle can describe a huge record.

A medication is repeated in everything that refers to it, a plan with all its issues in each statement based
on it, and what a plan says in each issue that says nothing. Real records repeat little; one that is made to
grow is refused as a whole, because half of it would look like all of it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from bridge.errors import ResponseInvalid
from bridge.record.gp_record import GpRecord
from bridge.record.medications import MedicationPlan

MAX_ENTRIES: Final = 100_000
"""Of a bundle. Large real records have some thousands."""
MAX_RECORD_BYTES: Final = 128 * 1024 * 1024
"""Of the record as JSON: twice the answer that an installation takes by default."""

_LEAST_TAKEN_OVER: Final = 10_000
_TAKEN_OVER_PER_RESOURCE: Final = 10
_SHARED_PER_ITEM: Final = 4
"""The medication, and up to three parties."""
_FEW_ISSUES: Final = 8


class Growth:
    """An upper bound, cheap to keep, of what a record repeats: only beyond it is the record measured.

    Attributes:
        largest: bytes of the largest medication or party, as JSON.
        taken_over: issues that statements took over with their plans; in a real record each issue once.
        copied: bytes that plans of many issues may have passed on to them.
        repeated: whether a plan stands in more than one course.
    """

    def __init__(self) -> None:
        self.largest = 0
        self.taken_over = 0
        self.copied = 0
        self.repeated = False

    def share(self, part: object) -> None:
        """Something that any number of items may repeat."""
        self.largest = max(self.largest, len(orjson.dumps(part)))

    def take_over(self, plan: MedicationPlan, *, again: bool) -> None:
        """A plan becomes part of a course."""
        issues = len(plan["issues"])
        self.taken_over += issues
        self.repeated |= again
        if issues > _FEW_ISSUES:
            self.copied += issues * len(orjson.dumps(_without(plan, "issues")))


def check_entries(bundle: dict[str, Any], body_sha256: str) -> None:
    """Refuse a bundle of too many entries.

    Raises:
        ResponseInvalid: `too_many_entries`.
    """
    entries = bundle.get("entry")
    if isinstance(entries, list) and len(entries) > MAX_ENTRIES:
        raise ResponseInvalid(stage="mapping", detail="too_many_entries", body_sha256=body_sha256)


def check_taken_over(growth: Growth, *, received: int, body_sha256: str) -> None:
    """Refuse a bundle whose statements share plans so that their issues multiply, before the work is done.

    Raises:
        ResponseInvalid: `record_too_large`.
    """
    if growth.taken_over > _LEAST_TAKEN_OVER + _TAKEN_OVER_PER_RESOURCE * received:
        raise ResponseInvalid(stage="mapping", detail="record_too_large", body_sha256=body_sha256)


def check_size(record: GpRecord, growth: Growth, body_sha256: str) -> None:
    """Refuse a record that would be too large as JSON; its parts are written one at a time and let go.

    Raises:
        ResponseInvalid: `record_too_large`.
    """
    repeated = growth.copied + growth.largest * _SHARED_PER_ITEM * record["accounting"]["mapped"]
    if repeated <= MAX_RECORD_BYTES and not growth.repeated:
        return
    size = 0
    for part in _parts(record):
        size += len(orjson.dumps(part))
        if size > MAX_RECORD_BYTES:
            raise ResponseInvalid(stage="mapping", detail="record_too_large", body_sha256=body_sha256)


def _parts(record: GpRecord) -> Iterator[object]:
    """Everything in the record, once for each time it is written, in parts that repeat nothing inside."""
    # Only medications and allergies share what can be of any length.
    yield {name: value for name, value in record.items() if name not in ("medications", "allergies")}
    yield from record["allergies"]
    for course in record["medications"]:
        yield _without(course, "plan")
        if "plan" in course:
            yield _without(course["plan"], "issues")
            yield from course["plan"]["issues"]


def _without(part: Mapping[str, object], left_out: str) -> dict[str, object]:
    return {name: value for name, value in part.items() if name != left_out}
