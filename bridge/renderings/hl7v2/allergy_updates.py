"""Allergies for receivers that take each by its id: updates (ADT^A60 with IAM), and a report beside them.

====================================================  =======================================================
What the record says                                  What is sent
====================================================  =======================================================
allergies, their list whole                           A60: an IAM of each that is not ended, and the report
none known; nothing; not all there is; two of one id  the report; why there is no A60 is in the manifest
====================================================  =======================================================

An A60 has every allergy each time, whether it changed or not. So the newest makes up for any that was lost,
and an older one that comes late has nothing to add. IAM-6 is ``U`` where the allergy was told in an answer
before, else ``A``; never ``D``, because no practice says that an allergy never was.

IAM has no honest place for an end: what practices send of the state is a constant (CS-089), so IAM-17 stays
empty. That one ended (CS-085), or did not come, is in the report (ORU^R01), and so is everything that IAM has
no field for: the structure has no OBX.
"""

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple

from bridge.areas.allergies.events import AllergiesPublished
from bridge.areas.allergies.model import Allergy
from bridge.areas.allergies.spec import ALLERGIES
from bridge.areas.record_page.allergies import allergy_lines
from bridge.areas.record_page.areas import completeness_lines
from bridge.areas.record_page.provenance import by_ref
from bridge.contracts.renderings import WithheldReason
from bridge.hl7v2 import ComponentValue, Segment
from bridge.renderings.changes.base import Base, KnownArea
from bridge.renderings.hl7v2.allergies import TYPES, has_allergies, head_said, parted, reactions, severity
from bridge.renderings.hl7v2.coded import coded, date_of
from bridge.renderings.hl7v2.lengths import fitting
from bridge.renderings.hl7v2.message import Content
from bridge.renderings.hl7v2.report import Remark, is_whole, report
from bridge.renderings.rendering import ToldBefore

_UPDATE: Final = ("ADT", "A60", "ADT_A60")
_SENSITIVITIES: Final = {"allergy": "AL", "intolerance": "IN"}
"""Table 0436."""
_ENDED: Final = "Ended since it was told before: it is not active any more."
_NOT_RETURNED: Final = (
    "Told before, and not returned this time, which does not say that it was deleted: keep it."
)
_MAY_HAVE_ENDED: Final = (
    "Told before, and not returned this time. It may have ended, as ended allergies were not asked for or "
    "did not all come: have somebody check."
)
_DISPLAY: Final = ("", "", "", "", "", "D")


class NoUpdate(NamedTuple):
    """Why there is no A60, as the manifest says it."""

    reason: WithheldReason
    detail: str


def told_before(before: ToldBefore, data: AllergiesPublished) -> KnownArea | None:
    """What is kept of the allergies that were told of this patient and practice; None: nothing to be read."""
    kept = None if before.base is None else Base.read(before.base)
    if kept is None or kept.holder_ods != data.get("holder_ods"):
        return None
    return kept.areas.get(ALLERGIES.name)


def updates(data: AllergiesPublished, known: KnownArea | None) -> Content | NoUpdate:
    """The A60 of an answer.

    Args:
        data: of the event.
        known: what was told before.
    """
    if not _is_whole(data):
        return NoUpdate("area_incomplete", "allergies.area: is not all there is")
    allergies, _ = parted(data["items"])
    if not allergies or not has_allergies(data):
        return NoUpdate("not_expressible", "allergies.items: an A60 has no place for it that there is none")
    if len({item["item_id"] for item in allergies}) < len(allergies):
        return NoUpdate("not_expressible", "allergies.items.item_id: is not unique, and IAM-7 must be")
    held = known.items if known is not None else {}
    segments = [_allergy(n, item, is_held=item["item_id"] in held) for n, item in enumerate(allergies, 1)]
    return Content(_UPDATE, segments)


def words(data: AllergiesPublished, known: KnownArea | None) -> Content:
    """The report beside it, or in its place: everything in words, with the numbers and ids of the IAM."""
    problems = by_ref(data["linked_problems"])
    said = head_said(data)
    if ended := completeness_lines(data["ended_area"]):
        said.append(Remark("AREA", ended))
    listed, others = parted(data["items"])
    for number, item in enumerate([*listed, *others], 1):
        lines = [f"Identifier: {_identifier(item['item_id'])}", *allergy_lines(item, problems)]
        if _has_ended(item, known):
            lines.insert(0, _ENDED)
        said.append(Remark("ITEM", lines, str(number)))
    whole = _is_whole(data)
    if whole and known is not None:
        missing = _NOT_RETURNED if data["ended_area"]["complete"] else _MAY_HAVE_ENDED
        said += [Remark("ITEM", [missing, f"Identifier: {each}"]) for each in _missing(data, known)]
    return report("ALLERGIES", "Allergies of the GP record", data, said, is_whole=whole)


def _is_whole(data: AllergiesPublished) -> bool:
    return is_whole(data["area"], besides=("include_ended",))


def _allergy(number: int, item: Allergy, *, is_held: bool) -> Segment:
    return Segment(
        "IAM",
        {
            1: str(number),
            2: TYPES.get(item["category"], ""),
            3: coded(item["substance"]),
            4: severity(item),
            5: reactions(item),
            6: "U" if is_held else "A",
            7: _identifier(item["item_id"]),
            9: _SENSITIVITIES.get(item.get("reaction_type", ""), ""),
            11: date_of(item.get("onset")),
            13: date_of(item.get("asserted_at")),
            14: _asserter(item),
        },
    )


def _identifier(item_id: str) -> str:
    """By which a receiver finds an allergy again: the id of the item, its hash where there is no room."""
    return fitting("IAM-7", item_id) or f"sha256:{sha256(item_id.encode()).hexdigest()}"


def _asserter(item: Allergy) -> tuple[ComponentValue, ...]:
    """Who of the practice says so, as a display name where it has room. The patient's name never."""
    author = item["provenance"].get("author")
    if author is None or author["kind"] != "practitioner" or "name" not in author:
        return ()
    return (author["name"], *_DISPLAY) if fitting("IAM-14", f"{author['name']}______D") else ()


def _has_ended(item: Allergy, known: KnownArea | None) -> bool:
    before = known.items.get(item["item_id"]) if known is not None else None
    return before is not None and not before.is_over and item["clinical_status"] == "resolved"


def _missing(data: AllergiesPublished, known: KnownArea) -> Iterator[str]:
    """Ids of allergies that were told as not over, and are not in a newer answer."""
    if datetime.fromisoformat(data["retrieved_at"]) < datetime.fromisoformat(known.retrieved_at):
        return
    came = {item["item_id"] for item in data["items"]}
    for name, before in known.items.items():
        if name not in came and not before.is_over and not before.is_linked:
            yield _identifier(name)
