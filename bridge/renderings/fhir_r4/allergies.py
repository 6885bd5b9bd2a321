"""Allergies and intolerances in R4, and statements that none is known."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from bridge.areas.allergies.model import Allergy, Reaction
from bridge.renderings.fhir_r4.amounts import is_of_ucum, words
from bridge.renderings.fhir_r4.common import (
    Resource,
    absent,
    add_extension,
    annotations,
    concept,
    concept_of,
    is_absent,
    own,
    put,
    put_date,
    quantity,
)
from bridge.renderings.fhir_r4.items import Told
from bridge.renderings.fhir_r4.scope import R4Scope
from bridge.renderings.fhir_r4.uk_core import CODES, UK_CORE
from bridge.renderings.rendering import Lost

NONE_KNOWN: Final = frozenset({"no_known_allergies", "no_known_allergies_of_kind"})
"""The statements of a record that may be told as one of no known allergy."""
LOSSES: Final[Sequence[Lost]] = (
    Lost("allergies.items.ended.reason.codings", "UK Core has words alone for why an allergy ended."),
    Lost("allergies.items.ended.reason.coding_quality", "UK Core has words alone for why an allergy ended."),
    Lost("allergies.items.onset_age.unit_system", "Of an age that is told in words."),
)
_CLINICAL: Final = f"{CODES}allergyintolerance-clinical"
_VERIFICATION: Final = f"{CODES}allergyintolerance-verification"
_END: Final = f"{UK_CORE}Extension-UKCore-AllergyIntoleranceEnd"


def resources(items: Sequence[Told], scope: R4Scope) -> list[Resource]:
    """An AllergyIntolerance for each item, in their order."""
    return [_allergy(item, scope) for item in items]


def in_doubt(data: Mapping[str, Any]) -> list[Told]:
    """The items that say that no allergy is known where the record as a whole does not say so.

    As resources they would be taken for the whole truth.

    Args:
        data: of the area's event.
    """
    says_none = data["allergy_statement"] in NONE_KNOWN
    return [
        item
        for item in data["items"]
        if item["statement"] == "no_known_allergy"
        and (not says_none or item["clinical_status"] != "active" or "linked_only" in item)
    ]


def _allergy(sent: Told, scope: R4Scope) -> Resource:
    item = cast("Allergy", sent)
    provenance = item["provenance"]
    found = scope.start("AllergyIntolerance", item)
    status = item["clinical_status"]
    found["clinicalStatus"] = absent("unknown") if status == "unknown" else concept_of(_CLINICAL, status)
    if scope.profile == "pair-2022":
        # A constant of GP Connect, which says nothing (CS-089); the pairs have it all the same.
        found["verificationStatus"] = concept_of(_VERIFICATION, "unconfirmed")
    if "reaction_type" in item:
        found["type"] = item["reaction_type"]
    if item["category"] != "unknown":
        found["category"] = [item["category"]]
    if "criticality" in item:
        found["criticality"] = item["criticality"].replace("_", "-")
    found["code"] = concept(item["substance"], scope.profile)
    found["patient"] = scope.patient
    if "encounter_ref" in provenance:
        found["encounter"] = scope.reference(provenance["encounter_ref"])
    _put_onset(found, item)
    put_date(found, "recordedDate", item.get("asserted_at") or provenance.get("recorded_at"))
    put_date(found, "lastOccurrence", item.get("last_occurrence"))
    put(
        found,
        recorder=scope.party(provenance.get("recorder")),
        asserter=scope.party(provenance.get("author")),
        note=annotations(item["notes"]),
        reaction=[_reaction(each, scope) for each in item["reactions"]],
    )
    if (end := _end(item)) is not None:
        add_extension(found if scope.profile == "pair-2022" else found["clinicalStatus"], end)
    _put_own(found, item, scope)
    return found


def _put_onset(found: Resource, item: Allergy) -> None:
    """Date, age or words: R4 has room for one, and what else was sent is kept in words."""
    said: list[str] = []
    if "onset" in item:
        if item["onset"]["precision"] == "unparsed":
            said.append(item["onset"]["value"])
        else:
            put_date(found, "onsetDateTime", item["onset"])
    if "onset_age" in item:
        age = item["onset_age"]
        is_age = "value" in age and is_of_ucum(age)
        if is_age and "onset" not in item:
            found["onsetAge"] = quantity(age)
        else:
            said.append(words(age))
    if "onset_text" in item:
        said.append(item["onset_text"])
    if said and not any(name.startswith(("onset", "_onset")) for name in found):
        found["onsetString"] = said.pop(0)
    for each in said:
        add_extension(found, own("onset", valueString=each))


def _reaction(reaction: Reaction, scope: R4Scope) -> Resource:
    manifestations = [
        absent("unknown") if is_absent(each) else concept(each, scope.profile)
        for each in reaction["manifestations"]
    ]
    found: Resource = {"manifestation": manifestations or [absent("unknown")]}
    if "description" in reaction:
        found["description"] = reaction["description"]
    if "severity" in reaction:
        found["severity"] = reaction["severity"]
    if "exposure_route" in reaction:
        found["exposureRoute"] = concept(reaction["exposure_route"], scope.profile)
    return found


def _end(item: Allergy) -> Resource | None:
    """When and why it was ended, as UK Core and the pairs have it."""
    if "ended" not in item:
        return None
    parts: list[Resource] = []
    if "on" in item["ended"]:
        end: Resource = {"url": "endDate"}
        put_date(end, "valueDateTime", item["ended"]["on"])
        parts.append(end)
    if "reason" in item["ended"]:
        parts.append({"url": "reasonEnded", "valueString": item["ended"]["reason"]["term"]})
    return {"url": _END, "extension": parts} if parts else None


def _put_own(found: Resource, item: Allergy, scope: R4Scope) -> None:
    """What only the record says of an allergy."""
    extensions = [
        own("usable-for-decision-support", valueBoolean=item["usable_for_decision_support"]),
        own("requires-prescribing-block", valueBoolean=item["requires_prescribing_block"]),
    ]
    if item["statement"] == "no_known_allergy":
        extensions.append(own("no-known-allergy", valueBoolean=True))
    extensions += [own("no-known-kind", valueCode=kind) for kind in item.get("no_known_kinds", ())]
    if "source_status" in item:
        extensions.append(own("source-status", valueString=item["source_status"]))
    extensions += [
        own("problem", valueReference=scope.reference(ref)) for ref in item["provenance"]["problem_refs"]
    ]
    found.setdefault("extension", []).extend(extensions)
