"""Where an item came from, and the id it keeps from one retrieval to the next."""

from collections import Counter
from collections.abc import Sequence

from bridge.fhir import systems
from bridge.fhir.index import LONGEST_ID, content_hash
from bridge.fhir.read import Item, is_old
from bridge.mapping.reading import Reading
from bridge.mapping.values import business_ids
from bridge.record.common import BusinessId, Identified, Party, Provenance


def provenance(
    reading: Reading,
    item: Item,
    *,
    recorder: Party | None = None,
    author: Party | None = None,
    encounter: str | None = None,
) -> Provenance:
    """Everything that leads back to the resource."""
    ref = item.ref
    result: Provenance = {
        "source_ref": ref,
        "content_hash": content_hash(item.resource),
        "business_ids": business_ids(item),
        "problem_refs": reading.problems_of.get(ref, []),
        "list_codes": reading.codes_of.get(ref, []),
        "security_labels": security_labels(item),
    }
    if reading.holder_ods is not None:
        result["holder_ods"] = reading.holder_ods
    if recorder is not None:
        result["recorder"] = recorder
    if author is not None:
        result["author"] = author
    if encounter is not None:
        result["encounter_ref"] = encounter
    return result


def security_labels(item: Item) -> list[str]:
    """Codes of `meta.security`, NOPAT among them (CS-057)."""
    meta = item.resource.get("meta")
    if type(meta) is not dict:
        meta = item.one(meta, "meta")
    if "security" not in meta:
        return []
    labels = (item.code(label.get("code"), "meta.security") for label in item.many(meta["security"], "meta"))
    return [label for label in labels if label is not None]


def item_id(item: Item, identifiers: list[BusinessId]) -> str:
    """`system|value` of the first business identifier within bounds, else `Type/id`, which may change.

    One that is old may be another item's by now.
    """
    for identifier in identifiers:
        if "use" in identifier and is_old(identifier):
            continue
        system = identifier.get("system", "")
        if system not in systems.EPS_LINE_ITEM and len(identifier["value"]) <= LONGEST_ID >= len(system):
            return f"{system}|{identifier['value']}"
    item.note("unstable_id", "identifier")
    return item.ref


def keep_apart(reading: Reading, items: Sequence[Identified]) -> None:
    """Give items of one kind that share a business identifier ids of their own.

    Examples and live systems repeat identifiers; an importer that went by them would merge two medicines.
    """
    if len({item["item_id"] for item in items}) == len(items):
        return
    times = Counter(item["item_id"] for item in items)
    for item in items:
        if times[item["item_id"]] > 1:
            item["item_id"] += "#" + item["provenance"]["source_ref"]
            item["issue_codes"].append("identifier_clash")
            reading.report("identifier_clash", item["provenance"]["source_ref"], "identifier")
    # Different resources may carry one Type/id as well: then only their content tells them apart.
    times = Counter(item["item_id"] for item in items)
    for item in items:
        if times[item["item_id"]] > 1:
            item["item_id"] += "#" + item["provenance"]["content_hash"][7:15]
