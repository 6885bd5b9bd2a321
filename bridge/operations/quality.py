"""How good what practices send is: issue codes, what is not mapped, degraded codes, by supplier and area."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Final

from bridge.ledger.model import QualityKind
from bridge.ledger.storage.quality import QualityExample, QualityLine
from bridge.operations.request_csv import cell
from bridge.operations.site import Stores
from bridge.record.issue_codes import ISSUES
from bridge.values import dataclass

__all__ = ["QualityExample", "QualityKind", "QualityLine", "QualitySummary", "as_csv", "meaning", "quality"]

COLUMNS: Final = (
    *("supplier_ods", "practice_ods", "area", "kind", "code", "meaning", "count", "records"),
    *("first_day", "last_day", "example_practice_ods", "example_ref", "example_at"),
)
_SENT: Final = ("unmapped", "issue", "degraded")
"""What a supplier is told: how areas were answered, and how many items came, says nothing is wrong."""


@dataclass(frozen=True, slots=True)
class QualitySummary:
    """What was met in a period.

    Attributes:
        since: its first day, in UTC.
        counted_until: when the first request ended that is not counted yet; None: all that ended are.
        lines: the most frequent first.
    """

    since: date
    counted_until: datetime | None
    lines: Sequence[QualityLine]

    @property
    def remarkable(self) -> Sequence[QualityLine]:
        """Those that a supplier is told of."""
        return [line for line in self.lines if line.kind in _SENT]

    @property
    def answered(self) -> Sequence[QualityLine]:
        """How areas were answered, and how many items came: what the others are measured against."""
        return [line for line in self.lines if line.kind not in _SENT]


async def quality(
    stores: Stores,
    *,
    since: datetime,
    practice_ods: str | None = None,
    supplier_ods: str | None = None,
    by_practice: bool = False,
) -> QualitySummary:
    """What structured records were like that practices sent from a day on.

    Args:
        stores: the ledger.
        since: on this day, in UTC, or later.
        practice_ods: by this practice alone.
        supplier_ods: by systems of this supplier alone, as the directory has it.
        by_practice: each practice by itself, instead of all of a supplier together.
    """
    first = since.astimezone(UTC).date()
    counted_until, lines = await stores.ledger.oversight.quality(
        since=first, practice_ods=practice_ods, supplier_ods=supplier_ods, by_practice=by_practice
    )
    return QualitySummary(first, counted_until, lines)


def meaning(kind: QualityKind, code: str) -> str | None:
    """The fixed text of an issue code; None of what says itself what it is."""
    known = ISSUES.get(code) if kind == "issue" else None
    return None if known is None else known[1]


def as_csv(lines: Sequence[QualityLine]) -> str:
    """Lines as CSV, to be sent to a supplier: nothing of a patient, of who asked, or of our own requests."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for line in lines:
        example = line.example
        shown = (example.practice_ods, example.source_ref, example.at) if example else (None, None, None)
        told = (meaning(line.kind, line.code), line.count, line.records, line.first_day, line.last_day)
        of = (line.supplier_ods, line.practice_ods, line.area, line.kind, line.code)
        writer.writerow([cell(value) for value in (*of, *told, *shown)])
    return text.getvalue()
