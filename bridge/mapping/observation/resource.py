"""Observation to `Observation`, in any of its uses (digest §5.4, §5.5)."""

from typing import Final

from bridge.fhir.read import Item, JsonObject
from bridge.mapping.coded import DEGRADED_RECORD_ENTRY, coded_text
from bridge.mapping.modifiers import note_modifiers
from bridge.mapping.observation.blood_pressure import blood_pressure
from bridge.mapping.observation.comment import read_comment
from bridge.mapping.observation.values import observation_value, reference_ranges
from bridge.mapping.provenance import item_id, provenance
from bridge.mapping.reading import Reading
from bridge.mapping.set_aside import note_set_aside
from bridge.mapping.values import period
from bridge.record.observations import Component, Observation, RelatedObservation

_STATUSES: Final = frozenset(
    {"final", "preliminary", "unknown", "amended", "corrected", "registered", "finished"}
)
"""Of what may be taken for a finding; `finished` stands on the page of narratives (OD-34)."""

_SET_ASIDE: Final = frozenset({"basedOn", "device"})


def map_observation(reading: Reading, item: Item) -> Observation:
    """One Observation as an item: to be read by `Reading.read`, which guards against whatever is in it."""
    resource = item.resource
    origin = provenance(
        reading,
        item,
        encounter=item.reference(resource.get("context"), "context") if "context" in resource else None,
    )
    code = coded_text(item, resource.get("code"), "code", degrade_to=DEGRADED_RECORD_ENTRY)
    result: Observation = {
        "item_id": item_id(item, origin["business_ids"]),
        "code": code,
        "components": (
            [_component(item, each) for each in item.many(resource["component"], "component")]
            if "component" in resource
            else []
        ),
        "reference_ranges": reference_ranges(item, resource.get("referenceRange"), "referenceRange"),
        "performers": reading.parties.each(item, resource.get("performer"), "performer"),
        "members": [],
        "part_of": [],
        "issue_codes": [],
        "provenance": origin,
    }
    _add_value(item, result)
    _add_dates(item, result)
    _add_details(reading, item, result)
    if "related" in resource:
        _add_related(reading, item, result)
    if (recorded := result.get("recorded_at")) is not None:
        origin["recorded_at"] = recorded
    if "extension" in resource and item.extensions(resource):
        item.note("unknown_extension", "extension")
    note_modifiers(reading, item)
    note_set_aside(item, item.resource, _SET_ASIDE)
    result["issue_codes"] = item.codes()
    return result


def _add_value(item: Item, result: Observation) -> None:
    resource = item.resource
    if (value := observation_value(item, resource, "")) is not None:
        result["value"] = value
    if "dataAbsentReason" in resource:
        result["absent_reason"] = coded_text(item, resource["dataAbsentReason"], "dataAbsentReason")
    if "interpretation" in resource:
        result["interpretation"] = coded_text(item, resource["interpretation"], "interpretation")
    if (which := blood_pressure(result["code"])) is not None:
        result["blood_pressure"] = which
    if "comment" not in resource or (comment := item.text(resource["comment"], "comment")) is None:
        return
    result["comment"] = comment
    said = read_comment(comment)
    # What was sent as a value of its own counts before words.
    if said.value is not None and value is None and not result["components"]:
        result["value"] = said.value
    if said.ranges and not result["reference_ranges"]:
        result["reference_ranges"] = said.ranges
    if said.interpretation is not None and "interpretation" not in result:
        result["interpretation"] = said.interpretation


def _add_dates(item: Item, result: Observation) -> None:
    resource = item.resource
    if (
        "effectiveDateTime" in resource
        and (at := item.date(resource["effectiveDateTime"], "effectiveDateTime")) is not None
    ):
        result["effective"] = at
    if "effectivePeriod" in resource:
        start, end = period(item, resource["effectivePeriod"], "effectivePeriod")
        if start is not None and "effective" not in result:
            result["effective"] = start
        if end is not None:
            result["effective_to"] = end
    if "issued" in resource and (issued := item.date(resource["issued"], "issued")) is not None:
        result["recorded_at"] = issued


def _add_details(reading: Reading, item: Item, result: Observation) -> None:
    resource = item.resource
    if (status := item.code(resource.get("status"), "status")) is not None:
        result["status"] = status
        if status not in _STATUSES:
            item.note("unknown_status", "status")
    if "bodySite" in resource:
        result["body_site"] = coded_text(item, resource["bodySite"], "bodySite")
    if "method" in resource:
        result["method"] = coded_text(item, resource["method"], "method")
    if "category" in resource:
        result["categories"] = [
            coded_text(item, each, "category") for each in item.many(resource["category"], "category")
        ]
    if (
        "specimen" in resource
        and (specimen := reading.links.one(item, resource["specimen"], "specimen")) is not None
    ):
        result["specimen"] = specimen


def _add_related(reading: Reading, item: Item, result: Observation) -> None:
    others: list[RelatedObservation] = []
    for each in item.many(item.resource["related"], "related"):
        link = reading.links.one(item, each.get("target"), "related.target")
        if link is None:
            continue
        relation = item.code(each.get("type"), "related.type")
        if relation == "has-member":
            result["members"].append(link)
        elif relation == "derived-from":
            result["part_of"].append(link)
        else:
            others.append({"relation": relation or "unknown", "target": link})
    if others:
        result["related"] = others


def _component(item: Item, sent: JsonObject) -> Component:
    code = coded_text(item, sent.get("code"), "component.code")
    result: Component = {
        "code": code,
        "reference_ranges": reference_ranges(item, sent.get("referenceRange"), "component.referenceRange"),
    }
    if (value := observation_value(item, sent, "component.")) is not None:
        result["value"] = value
    if "dataAbsentReason" in sent:
        result["absent_reason"] = coded_text(item, sent["dataAbsentReason"], "component.dataAbsentReason")
    if "interpretation" in sent:
        result["interpretation"] = coded_text(item, sent["interpretation"], "component.interpretation")
    if (which := blood_pressure(code)) is not None:
        result["blood_pressure"] = which
    return result
