"""AllergyIntolerance to `Allergy` (digest §4)."""

import re
from collections.abc import Sequence
from typing import Literal

from bridge.areas.allergies.model import Allergy, Reaction
from bridge.areas.allergies.no_known import is_no_known_code, no_known
from bridge.areas.allergies.options import AllergyOptions
from bridge.areas.spec import AreaAnswer
from bridge.fhir.index import ReceivedEntry
from bridge.fhir.read import Item, JsonObject, extension_value, is_old, snomed_codes
from bridge.mapping.coded import (
    DEGRADED_DRUG_ALLERGY,
    DEGRADED_NON_DRUG_ALLERGY,
    DEGRADED_RECORD_ENTRY,
    coded_text,
    words,
)
from bridge.mapping.items import newest_first
from bridge.mapping.lists import NO_LIST, Lists
from bridge.mapping.modifiers import CHANGES_MEANING, note_modifiers
from bridge.mapping.provenance import item_id, keep_apart, provenance
from bridge.mapping.reading import Reading
from bridge.mapping.set_aside import note_set_aside
from bridge.mapping.values import business_ids, notes, period, simple_quantity
from bridge.record.common import CodedText, Note, Stop
from bridge.record.dates import days, partial_date

_ENDED_COPY = "A stand-alone copy of an ended allergy; the ended one counts."
_CONTAINED_COPY = "A stand-alone copy of an allergy that a list contains; the contained one counts."
COPIES = frozenset({_ENDED_COPY, _CONTAINED_COPY})
"""Details of what was set aside as a copy of an allergy of the record."""
_SET_ASIDE = frozenset({"onsetAge", "onsetPeriod", "onsetRange", "onsetString"})
_SET_ASIDE_OF_REACTION = frozenset({"note", "onset", "substance"})
_KNOWN_EXTENSIONS = frozenset({"encounter-associatedencounter", "allergyintoleranceend", "evidence"})
_NAME_IN_NOTE = re.compile(
    r"^\s*(?:allergy (?:description|name)|allergen|causative agent)[ \t]*:[ \t]*(\S[^\r\n]*)",
    re.IGNORECASE | re.MULTILINE,
)
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


def name_of_list(item: Item, contained: Sequence[ReceivedEntry]) -> str | None:
    """The list of ended allergies has no code in the specification's own samples: what is in it tells."""
    return "ended_allergies" if all(_ends_by_itself(item, each.resource) for each in contained) else None


def _ends_by_itself(item: Item, allergy: JsonObject) -> bool:
    """Whether an allergy says itself that it ended: by its state, or an end if it is not active (CS-085)."""
    state = allergy.get("clinicalStatus")
    return state == "resolved" or (
        state != "active"
        and any(map(item.extensions, item.extensions(allergy).get("allergyintoleranceend", ())))
    )


def map_allergies(answer: AreaAnswer[AllergyOptions]) -> list[Allergy]:
    """Every allergy of the bundle; the newest assertion first."""
    reading, lists = answer.reading, answer.lists
    allergies: list[Allergy] = []
    contained: dict[str, list[tuple[ReceivedEntry, Allergy]]] = {}
    for each in lists.contained:
        if each.received.kind != "AllergyIntolerance":
            continue
        allergy = _read(reading, lists, each.received, each.area)
        if allergy is not None:
            contained.setdefault(each.received.ref.partition("#")[2], []).append((each.received, allergy))
            allergies.append(allergy)
    for received in reading.distinct("AllergyIntolerance", "allergies"):
        inside = contained.get(received.ref.partition("/")[2], ())
        copied = next((found for other, found in inside if _same_allergy(received, other)), None)
        if copied is not None and not _more_cautious(received, copied, lists):
            # CS-085: where an ended allergy is also sent stand-alone, the copy must never become active.
            ended = copied["clinical_status"] == "resolved"
            area, detail = ("ended_allergies", _ENDED_COPY) if ended else ("allergies", _CONTAINED_COPY)
            reading.set_aside(received, "duplicate_id", detail, area)
            reading.links.copies[received.ref] = copied["provenance"]["source_ref"]
        elif (allergy := _read(reading, lists, received, None)) is not None:
            allergies.append(allergy)
    keep_apart(reading, allergies)
    _mark_doubtful(reading, lists, allergies)
    return newest_first(allergies, lambda each: each.get("asserted_at"))


def _read(reading: Reading, lists: Lists, received: ReceivedEntry, inside: str | None) -> Allergy | None:
    """One allergy; `inside` is the area of the list that contains it."""
    named_in: set[str] = {
        area
        for area in ("allergies", "ended_allergies")
        if inside == area or (area in lists.areas and received.ref in lists.areas[area].firm)
    }
    if inside is not None and (lists.areas[inside].unusable or received.ref in lists.areas[inside].deleted):
        named_in.discard(inside)
    allergy = reading.read(
        received,
        "ended_allergies" if named_in == {"ended_allergies"} else "allergies",
        lambda item: _allergy(reading, item, named_in),
    )
    if allergy is not None:
        reading.keep(received)
    return allergy


def _same_allergy(one: ReceivedEntry, other: ReceivedEntry) -> bool:
    """Whether two with one local id are one: ids of contained resources are unique in their list only.

    Those whose codes have nothing in common are two, whatever their identifiers: neither may hide the other.
    """
    codes = [set(snomed_codes(found.resource.get("code"))) for found in (one, other)]
    if all(codes) and codes[0].isdisjoint(codes[1]):
        return False
    ids = [
        {
            (each["value"], each.get("system"))
            for each in business_ids(Item(found.resource, found.ref))
            if not is_old(each)
        }
        for found in (one, other)
    ]
    if all(ids):
        return not ids[0].isdisjoint(ids[1])
    return bool(one.resource.get("code") == other.resource.get("code"))


def _more_cautious(received: ReceivedEntry, copied: Allergy, lists: Lists) -> bool:
    """Whether the stand-alone copy of an ended allergy is active by its state and by the active list."""
    active = lists.areas.get("allergies", NO_LIST)
    return (
        copied["clinical_status"] == "resolved"
        and received.ref in active.firm
        and received.resource.get("clinicalStatus") == "active"
    )


def _mark_doubtful(reading: Reading, lists: Lists, allergies: list[Allergy]) -> None:
    """Mark what no main list names, and what one names as deleted."""
    areas = [lists.areas.get(name, NO_LIST) for name in ("allergies", "ended_allergies")]
    for allergy in allergies:
        ref = allergy["provenance"]["source_ref"]
        if any(ref in area.deleted for area in areas):
            allergy["issue_codes"].append("list_entry_deleted")
            reading.report("list_entry_deleted", ref)
        elif all(ref not in area.firm for area in areas):
            allergy["issue_codes"].append("not_in_list")
            reading.report("not_in_list", ref)


def _allergy(reading: Reading, item: Item, named_in: set[str]) -> Allergy:
    resource = item.resource
    extensions = item.extensions(resource)
    category = _category(item)
    substance = coded_text(item, resource.get("code"), "code", degrade_to=_DEGRADE_TO[category]).copy()
    said = notes(item, resource.get("note"))
    named = _names(said)
    _name_from_note(substance, named)
    scope, in_conflict = no_known(substance, named)
    statement: Literal["propensity", "no_known_allergy"] = (
        "propensity" if scope is None else "no_known_allergy"
    )
    if in_conflict:
        item.note("no_known_conflict", "code")
    encounters = extensions.get("encounter-associatedencounter", ())
    origin = provenance(
        reading,
        item,
        recorder=reading.parties.party(item, resource.get("recorder"), "recorder"),
        author=reading.parties.party(item, resource.get("asserter"), "asserter"),
        encounter=item.reference(extension_value(encounters[0]), "extension") if encounters else None,
    )
    stop = _end(item, extensions)
    status, source_status = _status(item, named_in, has_ended=_has_ended(reading, stop))
    if not _KNOWN_EXTENSIONS.issuperset(extensions):
        item.note("unknown_extension", "extension")
    note_modifiers(reading, item)
    allergy: Allergy = {
        "item_id": item_id(item, origin["business_ids"]),
        "statement": statement,
        "substance": substance,
        "clinical_status": status,
        "category": category,
        "reactions": _reactions(item),
        "notes": said,
        "usable_for_decision_support": (
            status == "active"
            and statement == "propensity"
            and substance["coding_quality"] == "coded"
            and not (in_conflict and is_no_known_code(substance))
            and CHANGES_MEANING.isdisjoint(item.codes())
        ),
        "requires_prescribing_block": (
            status != "resolved" and statement == "propensity" and _is_drug_without_code(category, substance)
        ),
        "issue_codes": [],
        "provenance": origin,
    }
    if scope:
        allergy["no_known_kinds"] = list(scope)
    if source_status is not None:
        allergy["source_status"] = source_status
    _add_details(item, allergy)
    if stop is not None:
        allergy["ended"] = stop
    allergy["issue_codes"] = item.codes()
    note_set_aside(item, resource, _SET_ASIDE)
    for reaction in item.many(resource.get("reaction"), "reaction"):
        note_set_aside(item, reaction, _SET_ASIDE_OF_REACTION, "reaction.")
    return allergy


def _is_drug_without_code(category: str, substance: CodedText) -> bool:
    """CS-083, CS-084: a drug allergy that no drug file can look up."""
    if substance.get("concept_id") == DEGRADED_DRUG_ALLERGY:
        return True
    return category != "environment" and (
        substance["coding_quality"] != "coded" or is_no_known_code(substance)
    )


def _names(said: list[Note]) -> list[str]:
    """The names of an allergy that stand in its notes behind a label, each once."""
    found = (match[1].strip() for note in said for match in _NAME_IN_NOTE.finditer(note["text"]))
    return list(dict.fromkeys(found))


def _name_from_note(substance: CodedText, named: list[str]) -> None:
    """Take the name of an allergy from its notes, where its code has no meaning and it has no words.

    TPP sends a transfer-degraded code without a text, and "Allergy description: Penicillin allergy". Of
    several names none is left out.
    """
    if (
        named
        and substance["coding_quality"] in ("degraded", "null_flavour", "empty")
        and "original_text" not in substance
    ):
        substance["term"], substance["term_from"] = "; ".join(named), "note"


def _status(
    item: Item, named_in: set[str], *, has_ended: bool
) -> tuple[Literal["active", "resolved", "unknown"], str | None]:
    """The state, and the state as sent where it is another.

    The list by its code, the state and the extension for the end each say something. Where they disagree,
    what most say is shown, and in a tie the more cautious, which is that it is active (CS-085, CS-086).
    """
    sent = item.code(item.resource.get("clinicalStatus"), "clinicalStatus")
    ended = ("ended_allergies" in named_in) + (sent == "resolved") + has_ended
    active = ("allergies" in named_in) + (sent == "active")
    if not ended:
        if sent == "active":
            return "active", None
        item.note("unknown_status", "clinicalStatus")
        return "unknown", sent
    status: Literal["active", "resolved"] = "resolved" if ended > active else "active"
    if active or sent != "resolved":
        item.note("status_conflict", "clinicalStatus")
    return status, sent if sent != status else None


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
    if not resource.keys().isdisjoint(_SET_ASIDE):
        _add_other_onset(item, allergy)
    if (asserted := item.date(resource.get("assertedDate"), "assertedDate")) is not None:
        allergy["asserted_at"] = asserted
    if (last := item.date(resource.get("lastOccurrence"), "lastOccurrence")) is not None:  # CS-091
        allergy["last_occurrence"] = last


def _add_other_onset(item: Item, allergy: Allergy) -> None:
    """The onset in any of its other types, so that none is left out unsaid."""
    resource = item.resource
    if "onsetPeriod" in resource and (start := period(item, resource["onsetPeriod"], "onsetPeriod")[0]):
        allergy["onset"] = start
    if (said := item.text(resource.get("onsetString"), "onsetString")) is not None:
        allergy["onset_text"] = said
    if age := simple_quantity(item, item.one(resource.get("onsetAge"), "onsetAge"), "onsetAge"):
        allergy["onset_age"] = age
    if "onsetRange" in resource:
        item.note("unreadable_element", "onsetRange")


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


def _has_ended(reading: Reading, stop: Stop | None) -> bool:
    """Whether an end is one: not of a day ahead of the day of retrieval, nor of a placeholder alone."""
    if stop is None or "on" not in stop:
        return bool(stop)
    if (on := days(stop["on"])) is None:
        return "reason" in stop or stop["on"]["precision"] == "unparsed"
    today = days(partial_date(reading.source.retrieved_at))
    return today is None or on[0] <= today[1]


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
