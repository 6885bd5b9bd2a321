"""Investigations to DiagnosticReport, Specimen, Observation and ServiceRequest of R4.

A report names every heading, result and filing comment as its result; a heading has its results as members.
What several reports have, a specimen above all, is written once.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from bridge.renderings.fhir_r4.amounts import is_of_ucum, words
from bridge.renderings.fhir_r4.common import (
    Resource,
    add_extension,
    annotations,
    concept,
    put,
    put_date,
    quantity,
    simple_quantity,
)
from bridge.renderings.fhir_r4.items import (
    Told,
    link,
    links,
    note,
    put_encounter,
    put_instant,
    put_period,
    put_status,
    start,
)
from bridge.renderings.fhir_r4.observation import LOSSES as OBSERVATION_LOSSES
from bridge.renderings.fhir_r4.observation import observation
from bridge.renderings.fhir_r4.scope import R4Scope
from bridge.renderings.fhir_r4.service_requests import laboratory_request
from bridge.renderings.rendering import Lost

_STATUSES: Final = frozenset(
    {
        "registered", "partial", "preliminary", "final", "amended", "corrected", "appended", "cancelled",
        "entered-in-error", "unknown",
    }
)  # fmt: skip
_SPECIMEN_STATUSES: Final = frozenset({"available", "unavailable", "unsatisfactory", "entered-in-error"})
_PERFORMERS: Final = frozenset({"Practitioner", "PractitionerRole", "Organization", "CareTeam"})
_COLLECTORS: Final = frozenset({"Practitioner", "PractitionerRole"})
_NOTE: Final = "http://hl7.org/fhir/5.0/StructureDefinition/extension-DiagnosticReport.note"
"""R5's element, which UK Core takes into R4: R4 has no note for a report."""
_ELSEWHERE: Final[Mapping[str, tuple[str, frozenset[str]]]] = {
    "result": ("result", frozenset({"Observation"})),
    "specimen": ("specimen", frozenset({"Specimen"})),
    "request": ("basedOn", frozenset({"ServiceRequest"})),
}

LOSSES: Final[Sequence[Lost]] = (
    *OBSERVATION_LOSSES,
    Lost("investigations.items.title", "Made of the names of what stands in the report."),
    Lost("investigations.items.title_from", "As the title."),
    Lost(
        "investigations.items.groups.grouped_by",
        "That nothing but their order says what belongs to a heading; its members say the same.",
    ),
    Lost("investigations.items.filing_comments.source_ref", "As of any item: see its identifiers."),
    Lost("investigations.items.specimens.fasted_for.unit_system", "Told in words, with the unit."),
    Lost("investigations.items.filing_comments.comment", "It has `text` in its place."),
    Lost("investigations.items.filing_comments.effective", "It has `filed_at` in its place."),
)


def resources(items: Sequence[Told], scope: R4Scope) -> list[Resource]:
    """A DiagnosticReport for each item, followed by what stands in it."""
    found: dict[str, Resource] = {}
    for item in items:
        for resource in _report(scope, item):
            found.setdefault(resource["id"], resource)
    return list(found.values())


def _report(scope: R4Scope, item: Told) -> Iterator[Resource]:
    parts = [*item["groups"], *item["results"], *item["filing_comments"]]
    yield _diagnostic_report(scope, item, parts)
    yield from (laboratory_request(scope, each) for each in item["requests"])
    yield from (_specimen(scope, each) for each in item["specimens"])
    for group in item["groups"]:
        results = group["results"]
        yield _with_members(scope, observation(scope, group), results)
        yield from (observation(scope, each) for each in results)
    yield from (observation(scope, each) for each in item["results"])
    yield from (_filing_comment(scope, each) for each in item["filing_comments"])


def _diagnostic_report(scope: R4Scope, item: Told, parts: Sequence[Told]) -> Resource:
    resource = start(scope, "DiagnosticReport", item)
    notes = [*annotations(item["notes"])]
    put_status(resource, item.get("source_status", item["status"]), _STATUSES)
    if item["categories"]:
        resource["category"] = [concept(each, scope.profile) for each in item["categories"]]
    resource["code"] = concept(item["code"], scope.profile)
    resource["subject"] = scope.patient
    put_encounter(scope, resource, item)
    put_instant(resource, "issued", item.get("issued"))
    if item["performers"]:
        resource["performer"] = [scope.party(each, _PERFORMERS) for each in item["performers"]]
    for name, sent in (("basedOn", item["requests"]), ("specimen", item["specimens"]), ("result", parts)):
        if sent:
            resource[name] = [scope.reference(_ref(each)) for each in sent]
    for each in item.get("elsewhere", ()):
        name, kinds = _ELSEWHERE[each["named_as"]]
        resource.setdefault(name, []).append(link(scope, each["target"], kinds))
    if "conclusion" in item:
        resource["conclusion"] = item["conclusion"]
    if item["coded_diagnoses"]:
        resource["conclusionCode"] = [concept(each, scope.profile) for each in item["coded_diagnoses"]]
    for each in notes:
        add_extension(resource, {"url": _NOTE, "valueAnnotation": each})
    return resource


def _with_members(scope: R4Scope, heading: Resource, results: Sequence[Told]) -> Resource:
    """A heading that has each of its results as a member, once."""
    members = heading.get("hasMember", [])
    members += [each for each in (scope.reference(_ref(result)) for result in results) if each not in members]
    put(heading, hasMember=members)
    return heading


def _ref(item: Told) -> str:
    ref: str = item.get("provenance", item)["source_ref"]
    return ref


def _filing_comment(scope: R4Scope, item: Told) -> Resource:
    """An Observation, which is about results or, without any, about the report that names it."""
    as_observation = {**item}
    if "text" in item:
        as_observation["comment"] = item["text"]
    if "filed_at" in item:
        as_observation["effective"] = item["filed_at"]
    resource = observation(scope, as_observation)
    about = [*([item["about"]] if "about" in item else []), *item.get("also_about", ())]
    if about:
        resource["focus"] = links(scope, about)
    return resource


def _specimen(scope: R4Scope, item: Told) -> Resource:
    resource = start(scope, "Specimen", item)
    notes = [*annotations(item["notes"])]
    if "accession" in item:
        resource["accessionIdentifier"] = {"value": item["accession"]}
    status = item.get("status")
    if status in _SPECIMEN_STATUSES:
        resource["status"] = status
    elif status is not None:
        notes.append(note(f"Status as sent: {status}"))
    if "type" in item:
        resource["type"] = concept(item["type"], scope.profile)
    resource["subject"] = scope.patient
    put_date(resource, "receivedTime", item.get("received_at"))
    put(resource, collection=_collection(scope, item, notes), note=notes)
    return resource


def _collection(scope: R4Scope, item: Told, notes: list[Resource]) -> Resource:
    collection: Resource = {}
    if "collector" in item:
        collection["collector"] = scope.party(item["collector"], _COLLECTORS)
    if "collected_to" in item:
        put_period(collection, "collectedPeriod", item.get("collected"), item["collected_to"])
    else:
        put_date(collection, "collectedDateTime", item.get("collected"))
    if "quantity" in item:
        collection["quantity"] = simple_quantity(item["quantity"])
    if "method" in item:
        collection["method"] = concept(item["method"], scope.profile)
    if "body_site" in item:
        collection["bodySite"] = concept(item["body_site"], scope.profile)
    if "fasting" in item:
        collection["fastingStatusCodeableConcept"] = concept(item["fasting"], scope.profile)
    if "fasted_for" in item:
        if "fasting" not in item and is_of_ucum(item["fasted_for"]):
            collection["fastingStatusDuration"] = quantity(item["fasted_for"])
        else:
            notes.append(note(f"Fasted for: {words(item['fasted_for'])}"))
    return collection
