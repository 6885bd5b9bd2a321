"""What a record says of how good it is: codes and numbers, as the practice's supplier is told them."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Final

from bridge.areas import GpRecord
from bridge.areas.spec import AreaTable
from bridge.engine.journal.requests import QualityJournal
from bridge.engine.outcomes import places
from bridge.ledger import LedgerUnavailable, QualityKind, QualityNote
from bridge.mapping.coded import is_degraded
from bridge.observe import record as tell
from bridge.observe.vocabulary.ledger import LedgerAway
from bridge.observe.vocabulary.process import ChoreFailed
from bridge.record.nhs_number import holds_nhs_number

_FOLD_EVERY: Final = 60.0
_DEGRADED: Final = "degraded_code"
_REF: Final = re.compile(r"[A-Z][A-Za-z]{1,39}/[A-Za-z0-9.-]{1,64}", re.ASCII)
_OF_PERSONS: Final = ("Patient/", "RelatedPerson/")


async def fold_quality(journal: QualityJournal) -> None:
    """Count what requests leave, now and then; runs until it is cancelled."""
    while True:
        await asyncio.sleep(_FOLD_EVERY)
        try:
            while await journal.fold_quality():
                pass
        except LedgerUnavailable as fault:
            tell(LedgerAway(fault.reason, "quality"))
        except Exception as error:  # noqa: BLE001 - a chore of the worker, which must not end unnoticed
            tell(ChoreFailed("quality", type(error).__name__, places(error)))


def quality_of(record: GpRecord, table: AreaTable) -> list[QualityNote]:
    """How each area was answered, what is not among its items, and what was noticed: nothing of the patient.

    What costs something is done for items alone about which something was noticed.

    Args:
        record: as it was mapped.
        table: the areas that it was mapped with.
    """
    counted = _Counted()
    for area in record["areas"]:
        if area["outcome"] == "not_requested":
            continue
        counted.add("outcome", area["area"], area["outcome"])
        if area["mapped"]:
            counted.add("items", area["area"], "items", count=area["mapped"])
    for one in record["unmapped"]:
        counted.add("unmapped", one.get("area", ""), one["reason"], one["source_ref"])
    if record["issues"]:
        areas = _noticed(record, table, counted)
        for issue in record["issues"]:
            ref = issue.get("source_ref")
            counted.add("issue", _area_of(ref, areas, table), issue["code"], ref)
    return counted.notes()


class _Counted:
    def __init__(self) -> None:
        self._found: dict[tuple[QualityKind, str, str], tuple[int, str | None]] = {}

    def add(self, kind: QualityKind, area: str, code: str, ref: str | None = None, *, count: int = 1) -> None:
        before, example = self._found.get((kind, area, code), (0, None))
        if example is None and ref is not None and _may_be_shown(ref):
            example = ref
        self._found[kind, area, code] = before + count, example

    def notes(self) -> list[QualityNote]:
        return [
            QualityNote(kind, area, code, count, example)
            for (kind, area, code), (count, example) in self._found.items()
        ]


def _may_be_shown(ref: str) -> bool:
    """Whether it is an id and no more: a practice may send anything as one, and a person's is theirs."""
    return _REF.fullmatch(ref) is not None and not ref.startswith(_OF_PERSONS) and not holds_nhs_number(ref)


def _noticed(record: GpRecord, table: AreaTable, counted: _Counted) -> Mapping[str, str]:
    """The area of each resource of which something was noticed; counts degraded codes."""
    fields: Mapping[str, Any] = record
    areas: dict[str, str] = {}
    for spec in table.areas:
        for item in fields[spec.name]:
            for part in spec.parts_of(item):
                if not part["issue_codes"]:
                    continue
                ref = part["provenance"]["source_ref"]
                areas[ref] = spec.name
                if _DEGRADED in part["issue_codes"]:
                    for code in _degraded_codes(part):
                        counted.add("degraded", spec.name, code, ref)
    return areas


def _area_of(ref: str | None, areas: Mapping[str, str], table: AreaTable) -> str:
    """Whose item it is, or by its type whose it would be; none where several could be meant."""
    if ref is None:
        return ""
    if ref in areas:
        return areas[ref]
    known = table.kinds.get(ref.partition("/")[0], ())
    return known[0][0] if len(known) == 1 else ""


def _degraded_codes(part: Mapping[str, Any]) -> list[str]:
    """The transfer-degraded codes of an item or a part of one, each once; parts inside go by themselves."""
    found: dict[str, None] = {}
    to_do: list[Any] = list(part.values())
    while to_do:
        value = to_do.pop()
        if type(value) is list:
            to_do += value
        elif type(value) is not dict or "issue_codes" in value:
            continue
        elif "coding_quality" not in value:
            to_do += value.values()
        elif value["coding_quality"] == "degraded":
            found |= dict.fromkeys(each["code"] for each in value["codings"] if is_degraded(each))
    return list(found)
