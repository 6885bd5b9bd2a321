"""The Bundle of a whole record: the patient, how complete it is, a List for each area, and the items."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from bridge.areas.events import RECORD_COMPLETED
from bridge.areas.spec import AreaSpec
from bridge.areas.table import AREAS
from bridge.contracts.envelope import STRUCTURED
from bridge.fhir.systems import NHS_NUMBER
from bridge.record import LinkedProblem
from bridge.renderings.fhir_r4.areas import AREAS_IN_R4
from bridge.renderings.fhir_r4.common import (
    MAY_BE_CONTROL,
    Resource,
    absent,
    concept,
    concept_of,
    own,
    without_control,
)
from bridge.renderings.fhir_r4.event import FHIR_JSON, R4_RENDERED
from bridge.renderings.fhir_r4.items import Told
from bridge.renderings.fhir_r4.scope import R4Scope
from bridge.renderings.fhir_r4.told import list_resource, outcome_resource
from bridge.renderings.fhir_r4.uk_core import CODES, SOURCE_REF
from bridge.renderings.rendering import OutgoingEvent, R4Profile, Rendered, RenderingOptions, WholeAnswer

_AREAS: Final = {spec.kind: spec for spec in AREAS.areas}
_SNAPSHOT: Final = "urn:gpconnect-bridge:snapshot-id"
_LABEL: Final = "urn:gpconnect-bridge:source-label"
_MATCHES: Final = ("nhs_number", "birth_date", "family_name", "given_name", "gender", "practice_ods")
_STATUS: Final = f"{CODES}condition-clinical"
_PROBLEM: Final = [concept_of(f"{CODES}condition-category", "problem-list-item", "Problem List Item")]


def render(answer: WholeAnswer, options: RenderingOptions) -> Sequence[Rendered]:
    """One CloudEvent whose data is the Bundle; nothing of an answer without a manifest."""
    completed = answer.of(RECORD_COMPLETED)
    if completed is None:
        return []
    attributes = answer.attributes(R4_RENDERED, media_type=FHIR_JSON)
    content = bundle(completed.data, answer.events, options.r4_profile)
    body = orjson.dumps(attributes | {"data": content})
    if MAY_BE_CONTROL.search(body) is not None:
        body = orjson.dumps(attributes | {"data": without_control(content)})
    return [Rendered(R4_RENDERED, attributes["id"], STRUCTURED, body)]


def bundle(data: Mapping[str, Any], events: Sequence[OutgoingEvent], profile: R4Profile) -> Resource:
    """A record as one Bundle, of type collection.

    Args:
        data: of the manifest.
        events: of the answer; those of areas have `items`.
        profile: of the site.
    """
    scope = R4Scope(data, profile)
    patient = _patient(data, scope)
    items: list[Resource] = []
    named: dict[str, list[Resource]] = {}
    doubts: dict[str, list[str]] = {}
    unrendered: list[str] = []
    codes: dict[str, str | None] = {}
    said: dict[str, Mapping[str, Any]] = {}
    for event in events:
        if "items" not in event.data:
            continue
        spec = _AREAS.get(event.kind)
        if spec is None or spec.name not in AREAS_IN_R4:
            if event.data["items"]:
                unrendered.append(event.kind.partition(".")[0])
            continue
        codes[spec.name] = None
        codes |= {each.name: each.code for each in spec.lists}
        said[spec.name] = event.data
        area, told = AREAS_IN_R4[spec.name], event.data["items"]
        if area.in_doubt is not None and (doubtful := area.in_doubt(event.data)):
            doubts[spec.name] = [each["substance"]["term"] for each in doubtful]
            told = [each for each in told if each not in doubtful]
        items += area.resources(told, scope)
        _add_entries(named, spec, told, scope)
    items += [_linked(each, scope) for each in _linked_problems(events, scope)]
    scope.settle()
    lists = [
        list_resource(
            each,
            codes[name],
            named.get(name, []),
            scope,
            doubts=doubts.get(name, []),
            said=said.get(name, {}),
        )
        for each in data["areas"]
        if (name := each["area"]) in codes and (each["outcome"] != "not_requested" or name in named)
    ]
    outcome = outcome_resource(data, unrendered, [words for each in doubts.values() for words in each], scope)
    whole = lists if outcome is None else [outcome, *lists]
    return {
        "resourceType": "Bundle",
        "id": data["snapshot_id"],
        "meta": _meta(data, scope),
        "identifier": {"system": _SNAPSHOT, "value": data["snapshot_id"]},
        "type": "collection",
        "timestamp": data["retrieved_at"],
        "entry": [
            {"fullUrl": f"urn:uuid:{each['id']}", "resource": each}
            for each in (patient, *scope.shared, *whole, *items)
        ],
    }


def _meta(data: Mapping[str, Any], scope: R4Scope) -> Resource:
    """What stands with all of it: profile, the label to be shown (CS-052), which answer it was made of."""
    return {
        **scope.meta("Bundle"),
        "extension": [
            own("source-hash", valueString=data["source_hash"]),
            own("schema-version", valueString=data["schema_version"]),
        ],
        "tag": [{"system": _LABEL, "code": "gp-connect", "display": data["source_label"]}],
    }


def _patient(data: Mapping[str, Any], scope: R4Scope) -> Resource:
    """Who it is about, by NHS number alone: what else there is of the patient the hospital knows itself."""
    found: Resource = {
        "resourceType": "Patient",
        "id": scope.id("Patient", "patient"),
        "meta": scope.meta("Patient"),
        "extension": [own("demographics-check", extension=_check(data["demographics"]))],
    }
    identifiers = []
    if "nhs_number" in data:
        identifiers.append({"system": NHS_NUMBER, "value": data["nhs_number"]})
    if "superseded_nhs_number" in data:
        identifiers.append({"use": "old", "system": NHS_NUMBER, "value": data["superseded_nhs_number"]})
    if identifiers:
        found["identifier"] = identifiers
    practice = scope.organisation(data.get("holder_ods"), data.get("holder_name"))
    if practice is not None:
        found["managingOrganization"] = practice
    return found


def _check(check: Mapping[str, Any]) -> list[Resource]:
    """How the practice's details compare with those of the request (CS-048, CS-049)."""
    parts: list[Resource] = [{"url": "verdict", "valueCode": check["verdict"]}]
    parts += [
        {"url": name.replace("_", "-"), "valueCode": check[name].replace("_", "-")} for name in _MATCHES
    ]
    for each in check["differences"]:
        difference: list[Resource] = [
            {"url": "field", "valueCode": each["field"].replace("_", "-")},
            {"url": "asked", "valueString": each["asked"]},
        ]
        if "returned" in each:
            difference.append({"url": "returned", "valueString": each["returned"]})
        parts.append({"url": "difference", "extension": difference})
    return parts


def _add_entries(
    named: dict[str, list[Resource]], spec: AreaSpec[Any, Any], items: Sequence[Told], scope: R4Scope
) -> None:
    """Add references to the items of an area that stand in a list; what only came along stands in none."""
    for item in items:
        if "linked_only" not in item and (url := scope.address(item["item_id"])) is not None:
            named.setdefault(spec.list_name(item), []).append({"reference": url})


def _linked_problems(events: Sequence[OutgoingEvent], scope: R4Scope) -> list[LinkedProblem]:
    """The problems that items name and that have no resource of their own."""
    every: Sequence[LinkedProblem] = next(
        (event.data["linked_problems"] for event in events if "linked_problems" in event.data), []
    )
    return [each for each in every if scope.address(each["source_ref"]) is None]


def _linked(problem: LinkedProblem, scope: R4Scope) -> Resource:
    """The header of a problem that names an item: why that was given (CS-045)."""
    status, ref = problem["clinical_status"], problem["source_ref"]
    found: Resource = {
        "resourceType": "Condition",
        "id": scope.name("Condition", ref),
        "meta": scope.meta("Condition"),
        "identifier": [{"system": SOURCE_REF, "value": ref}],
        "clinicalStatus": absent("unknown") if status == "unknown" else concept_of(_STATUS, status),
        "category": _PROBLEM,
        "code": concept(problem["code"], scope.profile),
        "subject": scope.patient,
    }
    if "significance" in problem:
        found["extension"] = [own("significance", valueCode=problem["significance"])]
    return found
