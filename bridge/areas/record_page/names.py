"""What the items of a record are called, so that a link to one can be read where it stands."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from bridge.areas.record_page.events import RecordEvents
from bridge.areas.record_page.words import FORBIDDEN, concept
from bridge.mapping.page import when
from bridge.record import CodedText
from bridge.record.common import Link

Names = Mapping[str, str]
"""By `item_id`."""
_KINDS: Mapping[str, str] = {
    "problem": "Problem",
    "consultation": "Consultation",
    "medication": "Medication",
    "allergy": "Allergy",
    "immunisation": "Immunisation",
    "observation": "Observation",
    "investigation": "Investigation",
    "referral": "Referral",
    "diary_entry": "Diary entry",
    "document": "Document",
    "other": "Other",
    "unknown": "Not known what",
}


def names_of_items(record: RecordEvents) -> Names:
    """The words of every item, and of every part of one, that the given events hold."""
    events: list[Any] = [record.allergies, record.medications, *record.areas.values()]
    return {
        item_id: words
        for data in events
        if data is not None
        for item in data["items"]
        for item_id, words in _named(item, "")
    }


def link(sent: Link, names: Names) -> str:
    """What a link leads to, in words; of one that leads nowhere, why."""
    words = names.get(sent.get("item_id", "")) or sent.get("display") or sent.get("reference")
    said = f"{_KINDS[sent['kind']]}: {words or sent.get('source_ref', 'not named')}"
    if sent["in_record"]:
        return said
    if "source_ref" in sent:
        return f"{said} (sent, and not among the items)"
    return f"{said} (named only: not sent)"


def _named(item: Any, of: str) -> Iterator[tuple[str, str]]:
    """An item and its parts by their ids; a part without words of its own is called as what holds it."""
    words = _words(item) or of
    if "provenance" in item and words:
        yield item["item_id"], words
    for value in item.values():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict) and not _is_concept(part):
                yield from _named(part, words)


def _words(item: Mapping[str, Any]) -> str:
    """The first concept that an item has, with what was written beside it, which may take it back.

    The code of a report says nothing: its title does. A referral may have several codes, of which none is the
    first: it is called by all of them, and without any by what was written or asked for (CS-105).
    """
    if "title_from" in item:
        return "; ".join([item["title"], *([day] if (day := when(item.get("issued"))) else [])])
    found = [concept(value) for value in item.values() if _is_concept(value)][:1] or _of_referral(item)
    if not found:
        return ""
    comment = item.get("comment", item.get("text"))
    day = when(item.get("started") or item.get("effective") or item.get("referred_at"))
    return "; ".join(
        [
            *found,
            *_denied(item),
            *([comment] if isinstance(comment, str) else []),
            *([day] if day else []),
        ]
    )


def _of_referral(item: Mapping[str, Any]) -> list[str]:
    if "recipients" not in item:
        return []
    written = [item["description"]] if "description" in item else []
    # A service is never the referral itself.
    asked = [f"asked for {concept(each)}" for each in item["services"]]
    return [concept(each) for each in item["reasons"]] or written or asked


def _denied(item: Mapping[str, Any]) -> Iterator[str]:
    """What an item says that makes its name mean something else than it reads (CS-095, CS-096, CS-109)."""
    if "do_not_perform" in item:
        yield FORBIDDEN
    if item.get("meaning") == "planned_not_done":
        yield "planned, not done"
    if "not_given_reasons" in item and item.get("given") is not True:
        yield "not given" if "given" in item else "not known whether given"
    if item.get("clinical_status") == "resolved":
        yield "ended"
    if item.get("status") == "draft":
        yield "draft"
    if "related_problems" in item:
        yield from _held(item)


def _held(problem: Mapping[str, Any]) -> Iterator[str]:
    status = problem["clinical_status"]
    if status != "active":
        yield "not known whether active" if status == "unknown" else status
    if "verification_status" in problem:
        yield f"verification: {problem['verification_status']}"


def _is_concept(value: object) -> TypeGuard[CodedText]:
    return isinstance(value, dict) and "coding_quality" in value
