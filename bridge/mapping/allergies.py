"""AllergyIntolerance to `Allergy` (digest §4)."""

from typing import Final, Literal

from bridge.fhir.read import Item, JsonObject, extension_value
from bridge.mapping.coded import (
    DEGRADED_DRUG_ALLERGY,
    DEGRADED_NON_DRUG_ALLERGY,
    DEGRADED_RECORD_ENTRY,
    coded_text,
    words,
)
from bridge.mapping.lists import AreaList, Lists
from bridge.mapping.provenance import item_id, keep_apart, provenance
from bridge.mapping.reading import Reading
from bridge.mapping.values import notes
from bridge.record.allergies import Allergy, Reaction
from bridge.record.common import CodedText, Stop
from bridge.record.dates import sort_text

# 716186003 |No known allergy| (GP Connect specification, allergies guidance) and its descendants in the
# SNOMED CT International Edition: no known drug, environmental and food allergy.
NO_KNOWN_ALLERGY: Final = frozenset({"716186003", "409137002", "428607008", "429625007"})

ENDED_COPY = "A stand-alone copy of an ended allergy; the ended one counts."
_KNOWN_EXTENSIONS = frozenset({"encounter-associatedencounter", "allergyintoleranceend", "evidence"})
_STATUSES: dict[str, Literal["active", "resolved"]] = {"active": "active", "resolved": "resolved"}
_TYPES: dict[str, Literal["allergy", "intolerance"]] = {"allergy": "allergy", "intolerance": "intolerance"}
_LEVELS: dict[str, Literal["low", "high", "unable_to_assess"]] = {
    "low": "low",
    "high": "high",
    "unable-to-assess": "unable_to_assess",
}
_SEVERITIES: dict[str, Literal["mild", "moderate", "severe"]] = {
    "mild": "mild",
    "moderate": "moderate",
    "severe": "severe",
}
_DEGRADE_TO = {
    "medication": DEGRADED_DRUG_ALLERGY,
    "environment": DEGRADED_NON_DRUG_ALLERGY,
    "unknown": DEGRADED_RECORD_ENTRY,  # CS-068: nothing specific is inferred
}


def map_allergies(reading: Reading, lists: Lists) -> list[Allergy]:
    """Every allergy of the bundle; the newest assertion first."""
    ended = lists.areas.get("ended_allergies", AreaList()).targets
    # CS-085: where an ended allergy is also sent stand-alone, the copy must never become active.
    contained_ids = {received.ref.partition("#")[2] for received in lists.contained}
    allergies: list[Allergy] = []
    for received in [*reading.distinct("AllergyIntolerance", "allergies"), *lists.contained]:
        inside_list = "#" in received.ref
        if not inside_list and received.ref.partition("/")[2] in contained_ids:
            reading.set_aside(received, "duplicate_id", ENDED_COPY, "ended_allergies")
            continue
        is_ended = inside_list or received.ref in ended
        allergy = reading.read(
            received,
            "ended_allergies" if is_ended else "allergies",
            lambda item, is_ended=is_ended: _allergy(reading, item, ended=is_ended),  # type: ignore[misc]
        )
        if allergy is not None:
            reading.keep(received)
            allergies.append(allergy)
    keep_apart(reading, allergies)
    _mark_unlisted(reading, lists, allergies)
    allergies.sort(key=lambda allergy: allergy["item_id"])
    allergies.sort(key=lambda allergy: sort_text(allergy.get("asserted_at")), reverse=True)
    return allergies


def _mark_unlisted(reading: Reading, lists: Lists, allergies: list[Allergy]) -> None:
    active = lists.areas.get("allergies", AreaList()).targets
    ended = lists.areas.get("ended_allergies", AreaList()).targets
    for allergy in allergies:
        ref = allergy["provenance"]["source_ref"]
        if ref not in active and ref not in ended:
            allergy["issue_codes"].append("not_in_list")
            reading.report("not_in_list", ref)


def _allergy(reading: Reading, item: Item, *, ended: bool) -> Allergy:
    resource = item.resource
    extensions = item.extensions(resource)
    category = _category(item)
    substance = coded_text(item, resource.get("code"), "code", degrade_to=_DEGRADE_TO[category])
    statement: Literal["propensity", "no_known_allergy"] = (
        "no_known_allergy" if substance.get("concept_id") in NO_KNOWN_ALLERGY else "propensity"
    )
    encounters = extensions.get("encounter-associatedencounter", ())
    origin = provenance(
        reading,
        item,
        recorder=reading.parties.party(item, resource.get("recorder"), "recorder"),
        author=reading.parties.party(item, resource.get("asserter"), "asserter"),
        encounter=item.reference(extension_value(encounters[0]), "extension") if encounters else None,
    )
    status, source_status = _status(item, ended=ended)
    if not _KNOWN_EXTENSIONS.issuperset(extensions):
        item.note("unknown_extension", "extension")
    if "modifierExtension" in resource:
        item.note("modifier_extension", "modifierExtension")
    allergy: Allergy = {
        "item_id": item_id(item, origin["business_ids"]),
        "statement": statement,
        "substance": substance,
        "clinical_status": status,
        "category": category,
        "reactions": _reactions(item),
        "notes": notes(item, resource.get("note")),
        "usable_for_decision_support": (
            status == "active"
            and statement == "propensity"
            and substance["coding_quality"] == "coded"
            and "modifierExtension" not in resource
        ),
        "requires_prescribing_block": (
            status != "resolved" and statement == "propensity" and _is_drug_without_code(category, substance)
        ),
        "issue_codes": [],
        "provenance": origin,
    }
    if source_status is not None:
        allergy["source_status"] = source_status
    _add_details(item, allergy)
    if (stop := _end(item, extensions)) is not None:
        allergy["ended"] = stop
    allergy["issue_codes"] = item.codes()
    return allergy


def _is_drug_without_code(category: str, substance: CodedText) -> bool:
    """CS-083, CS-084: a drug allergy that no drug file can look up."""
    if substance.get("concept_id") == DEGRADED_DRUG_ALLERGY:
        return True
    return category != "environment" and substance["coding_quality"] != "coded"


def _status(item: Item, *, ended: bool) -> tuple[Literal["active", "resolved", "unknown"], str | None]:
    """The state, and the state as sent where GP Connect does not use it."""
    sent = item.code(item.resource.get("clinicalStatus"), "clinicalStatus")
    if ended:
        # CS-085, CS-086: its place says that it ended, and nothing may make it look active.
        if sent != "resolved":
            item.note("status_conflict", "clinicalStatus")
        return "resolved", sent if sent != "resolved" else None
    known = _STATUSES.get(sent or "")
    if known is not None:
        return known, None
    item.note("unknown_status", "clinicalStatus")
    return "unknown", sent


def _category(item: Item) -> Literal["medication", "environment", "unknown"]:
    """`medication` first: it is the one that drives decision support."""
    sent = item.resource.get("category")
    found = {item.code(each, "category") for each in (sent if isinstance(sent, list) else [sent])}
    if "medication" in found:
        return "medication"
    if "environment" in found:
        return "environment"
    item.note("unknown_category", "category")
    return "unknown"


def _add_details(item: Item, allergy: Allergy) -> None:
    resource = item.resource
    if (kind := _TYPES.get(item.code(resource.get("type"), "type") or "")) is not None:
        allergy["reaction_type"] = kind
    if (level := _LEVELS.get(item.code(resource.get("criticality"), "criticality") or "")) is not None:
        allergy["criticality"] = level
    if (onset := item.date(resource.get("onsetDateTime"), "onsetDateTime")) is not None:
        allergy["onset"] = onset
    if (asserted := item.date(resource.get("assertedDate"), "assertedDate")) is not None:
        allergy["asserted_at"] = asserted
    if (last := item.date(resource.get("lastOccurrence"), "lastOccurrence")) is not None:  # CS-091
        allergy["last_occurrence"] = last


def _reactions(item: Item) -> list[Reaction]:
    sent = item.many(item.resource.get("reaction"), "reaction")
    reactions = [_reaction(item, each) for each in sent]
    if len(reactions) > 1 or any(len(each["manifestations"]) > 1 for each in reactions):
        item.note("extra_reaction", "reaction")
    return reactions


def _reaction(item: Item, sent: JsonObject) -> Reaction:
    manifestations = item.many(sent.get("manifestation"), "reaction.manifestation")
    reaction: Reaction = {
        "manifestations": [coded_text(item, each, "reaction.manifestation") for each in manifestations],
    }
    if (description := item.text(sent.get("description"), "reaction.description")) is not None:
        reaction["description"] = description
    if (severity := _SEVERITIES.get(item.code(sent.get("severity"), "reaction.severity") or "")) is not None:
        reaction["severity"] = severity
    if "exposureRoute" in sent:
        reaction["exposure_route"] = coded_text(item, sent["exposureRoute"], "reaction.exposureRoute")
    return reaction


def _end(item: Item, extensions: dict[str, list[JsonObject]]) -> Stop | None:
    for extension in extensions.get("allergyintoleranceend", ()):
        inner = item.extensions(extension)
        stop: Stop = {}
        for part in inner.get("enddate", ()):
            if (day := item.date(extension_value(part), "extension.endDate")) is not None:
                stop["on"] = day
        # The page says endReason, the profile and live systems reasonEnded (OD-03).
        for part in (*inner.get("reasonended", ()), *inner.get("endreason", ())):
            if (reason := item.text(extension_value(part), "extension.reasonEnded")) is not None:
                stop["reason"] = words(reason)
        return stop
    return None
