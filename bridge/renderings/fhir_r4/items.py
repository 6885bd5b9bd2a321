"""What resources of most areas share: links, the encounter, moments, and periods the right way round."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from bridge.record import Link, PartialDate
from bridge.record.dates import days, earliest
from bridge.renderings.fhir_r4.common import Resource, absent, period, put_date
from bridge.renderings.fhir_r4.scope import R4_TYPES, R4Scope
from bridge.renderings.fhir_r4.uk_core import AS_SENT, SOURCE_REF
from bridge.renderings.rendering import Lost

_LINKS: Final = (
    "about", "actual_problem", "also_about", "answers.answer", "consultation", "documents",
    "earlier_referrals", "headings.items", "topics.items", "members", "part_of", "problems", "reason_items",
    "related", "related_content", "specimen", "target",
)  # fmt: skip
"""Fields that hold links."""
Told = Mapping[str, Any]
"""An item of the record, or a part of one, as its event has it."""
LOSSES: Final[Sequence[Lost]] = (
    Lost("**.concept_id", "It is the SNOMED CT code among the codings."),
    Lost("**.description_id", "UK Core has retired the extension that it stood in; the term is there."),
    Lost("**.preferred_term", "It is the display of the SNOMED CT code."),
    Lost("**.original_text", "It is the text of the concept where it is what the GP saw."),
    Lost("**.degrade_code", "A code that means nothing is never written: the words stand alone."),
    Lost("**.term_from", "The words are in the text of the concept, wherever they are from."),
    Lost("**.codings.user_selected", "Of concepts whose words stand alone."),
    Lost("**.precision", "It follows from the date, or from why there is none."),
    Lost("**.provenance.content_hash", "Items are compared by the hashes of the events."),
    Lost("**.provenance.list_codes", "Which lists an item stands in, the Lists of the Bundle say."),
    Lost("**.provenance.problem_refs", "The problems name the items."),
    Lost("**.provenance.holder_ods", "The practice is the managing organisation of the patient."),
    Lost("**.provenance.source_ref", "An item is known by its identifiers and by its `item_id`."),
    Lost("**.provenance.recorder", "Where R4 has an element for who entered it, it stands there."),
    Lost("**.provenance.author", "Where R4 has an element for who is responsible, it stands there."),
    Lost("**.provenance.recorded_at", "Where R4 has an element for it, it stands there."),
    Lost("**.provenance.encounter_ref", "Of what names its consultation by a link, the link."),
    Lost("**.business_ids.use", "One that R4 does not know."),
    Lost("**.version_identifier.use", "One that R4 does not know."),
    *(
        Lost(f"**.{link}.{name}", why)
        for link in _LINKS
        for name, why in (
            ("kind", "The resource that it leads to says what it is."),
            ("in_record", "It is a literal reference then."),
            ("item_id", "The resource that it leads to has it."),
            ("reference", "Of what was sent it is the address."),
        )
    ),
)
"""What no item, or none of these areas, says in R4; the paths hold wherever such a field stands."""
_DAY: Final = len("2004-05-06")


def start(scope: R4Scope, kind: str, item: Told, *, profile: str | None = None) -> Resource:
    """The resource of an item, or of a part of one that has no more than a `source_ref` to be known by.

    Args:
        scope: of the bundle.
        kind: of the resource in R4.
        item: as the record has it.
        profile: of UK Core where its name is not `kind`.
    """
    if "provenance" in item:
        return scope.start(kind, item, profile=profile)  # type: ignore[arg-type]  # an item of any area
    provenance: Any = {
        "source_ref": item["source_ref"],
        "business_ids": item.get("business_ids", []),
        "security_labels": item["security_labels"],
    }
    part: Any = {
        "item_id": item["source_ref"],
        "provenance": provenance,
        "issue_codes": item.get("issue_codes", []),
    }
    return scope.start(kind, part, profile=profile)


def link(scope: R4Scope, sent: Link, allowed: Collection[str] | None = None) -> Resource:
    """A reference to what a link leads to; where that is not in the bundle, its words and its name.

    Args:
        scope: of the bundle.
        sent: as the record has it.
        allowed: types that the element may refer to; None for any. What is of another is named by words.
    """
    ref = sent.get("source_ref")
    kind = (ref or "").partition("/")[0]
    if ref is not None and (allowed is None or R4_TYPES.get(kind, kind) in allowed):
        return scope.reference(ref, sent.get("display"))
    # It leads to nothing that was sent, or to what the element may not refer to.
    found: Resource = {"display": sent["display"]} if "display" in sent else {}
    name = ref or sent.get("reference")
    if name is not None:
        found["identifier"] = {"system": SOURCE_REF, "value": name}
    return found or {"display": "not named"}


def links(scope: R4Scope, sent: Sequence[Link], allowed: Collection[str] | None = None) -> list[Resource]:
    """A reference for each link; see `link`."""
    return [link(scope, each, allowed) for each in sent]


def put_encounter(scope: R4Scope, resource: Resource, item: Told) -> None:
    """The consultation that an item comes from."""
    ref = item.get("provenance", item).get("encounter_ref")
    if ref is not None:
        found: Any = {"source_ref": ref}
        resource["encounter"] = link(scope, found, {"Encounter"})


def put_instant(resource: Resource, name: str, when: PartialDate | None) -> None:
    """Set what R4 wants as a moment: what was sent as a day, or as no date, is kept as it was sent."""
    written: Resource = {}
    put_date(written, name, when)
    if when is None or len(written.get(name, "")) > _DAY:
        resource.update(written)
    else:
        resource[f"_{name}"] = {"extension": [*absent("as-text")["extension"], as_sent(when["value"])]}


def put_period(resource: Resource, name: str, start: PartialDate | None, end: PartialDate | None) -> None:
    """Set a Period. One that ends before it begins is none in R4 (per-1): its ends are kept as sent."""
    if start is None or end is None or _in_order(start, end):
        found = period(start, end)
    else:
        found = {
            f"_{each}": {"extension": [*absent("error")["extension"], as_sent(at["value"])]}
            for each, at in (("start", start), ("end", end))
        }
    if found:
        resource[name] = found


def _in_order(start: PartialDate, end: PartialDate) -> bool:
    if start["precision"] == end["precision"] == "instant":
        begins, ends = earliest(start), earliest(end)
        return begins is None or ends is None or begins <= ends
    first, last = days(start), days(end)
    return first is None or last is None or first[0] <= last[1]


def put_status(resource: Resource, sent: str | None, known: Collection[str]) -> None:
    """Set the state that R4 demands: unknown where none was sent, or none of R4, which is kept."""
    resource["status"] = sent if sent in known else "unknown"
    if sent is not None and sent not in known:
        resource["_status"] = {"extension": [as_sent(sent)]}


def state(item: Told, usual: str) -> str | None:
    """The state that was sent, None where none was: the record keeps only one that is not `usual`."""
    sent: str | None = item.get("source_status", None if "unknown_status" in item["issue_codes"] else usual)
    return sent


def as_sent(text: str) -> Resource:
    """An extension with the words that were sent, where R4 has no place for them."""
    return {"url": AS_SENT, "valueString": text}


def note(text: str) -> Resource:
    """An Annotation of ours, or of words that are no note in the record."""
    return {"text": text}
