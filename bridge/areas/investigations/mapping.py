"""DiagnosticReport, and what it holds, to `Investigation` (digest §5.5)."""

from collections.abc import Callable, Iterator
from dataclasses import field
from functools import partial
from typing import Final, Literal, TypeVar, cast

from bridge.areas.investigations.details import read_request, read_specimen
from bridge.areas.investigations.model import (
    FilingComment,
    InvestigationReport,
    InvestigationRequest,
    InvestigationStatus,
    NamedElsewhere,
    ReportGroup,
    Specimen,
)
from bridge.areas.investigations.options import InvestigationOptions
from bridge.areas.investigations.structure import ReportStructure, contained_in, is_of_report, structures
from bridge.areas.investigations.title import add_title
from bridge.areas.spec import AreaAnswer
from bridge.fhir.index import ReceivedEntry, comparable_hash
from bridge.fhir.read import Item, JsonObject, reference_target
from bridge.mapping.coded import coded_text, concepts
from bridge.mapping.items import newest_first
from bridge.mapping.modifiers import note_modifiers
from bridge.mapping.observation import map_observation
from bridge.mapping.provenance import item_id, keep_apart, provenance
from bridge.mapping.reading import COPY, WRONG_PATIENT, Reading
from bridge.mapping.set_aside import note_set_aside
from bridge.mapping.values import notes
from bridge.record.observations import Observation
from bridge.values import dataclass

_AREA: Final = "investigations"
_NO_REPORT: Final = "It belongs to a report that could not be used."
_UNNAMED: Final = "No report that was sent names it."
_STATUSES: Final[dict[str, InvestigationStatus]] = {
    "final": "final",
    "preliminary": "preliminary",
    "unknown": "unknown",
}
_SET_ASIDE: Final = frozenset(
    {"effectiveDateTime", "effectivePeriod", "image", "imagingStudy", "presentedForm"}
)
_PartT = TypeVar("_PartT", Specimen, InvestigationRequest)


def map_investigations(answer: AreaAnswer[InvestigationOptions]) -> list[InvestigationReport]:
    """Every report of the bundle; the newest first."""
    reading = answer.reading
    # A result that two of them name stands in the first, whatever the order of the answer.
    received = sorted(reading.distinct("DiagnosticReport", _AREA), key=reading.index.key_of)
    own: list[ReceivedEntry] = []
    for each in received:
        if reading.identity.subject_of(each.resource) != "other":
            own.append(each)
        else:
            reading.set_aside(each, "wrong_patient", WRONG_PATIENT, _AREA)
    mapper = _ReportMapper(reading)
    found = [
        report
        for each, structure in zip(own, structures(reading, own), strict=True)
        if (report := mapper.investigation(each, structure)) is not None
    ]
    mapper.set_strays_aside()
    keep_apart(reading, [part for report in found for part in observations_of(report)])
    keep_apart(reading, found)
    return newest_first(found, lambda each: each.get("issued"))


def observations_of(report: InvestigationReport) -> Iterator[Observation]:
    """Everything in a report that came as an Observation."""
    for group in report["groups"]:
        yield group
        yield from group["results"]
    yield from report["results"]
    yield from report["filing_comments"]


def is_request(_: Reading, received: ReceivedEntry) -> bool:
    """A plan is a diary entry, anything else the request behind an investigation (digest §5.7)."""
    return received.resource.get("intent") != "plan"


@dataclass(slots=True)
class _Held:
    """What the report that is being read holds: the Observations, and what has no id of its own in it."""

    observations: list[ReceivedEntry] = field(default_factory=list)
    shown: list[ReceivedEntry] = field(default_factory=list)


class _ReportMapper:
    """Maps the reports of one answer, one after the other."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._specimens: dict[str, list[tuple[ReceivedEntry, Specimen]]] = {}
        self._requests: dict[str, list[tuple[ReceivedEntry, InvestigationRequest]]] = {}
        self._contained: set[tuple[str, str]] = set()

    def investigation(
        self, received: ReceivedEntry, structure: ReportStructure
    ) -> InvestigationReport | None:
        """One report with all that it holds; None when it cannot be read."""
        reading = self._reading
        held = _Held()
        report = reading.read(received, _AREA, lambda item: self._report(item, structure, held))
        if report is None:
            return None
        for each in (received, *held.observations):
            if self._is_new(each):
                reading.keep(each)
        for each in held.shown:
            if self._is_new(each):
                reading.show(each, report)
        return report

    def set_strays_aside(self) -> None:
        """List what belongs to no report of the record."""
        reading = self._reading
        for received in reading.of_area("Observation", is_of_report):
            if id(received.resource) not in reading.mapped:
                is_copy = received.ref in reading.mapped_refs
                reading.set_aside(
                    received,
                    "duplicate_id" if is_copy else "dangling_reference",
                    COPY if is_copy else _NO_REPORT,
                    _AREA,
                )
        for kind in ("Specimen", "ProcedureRequest"):
            for received in reading.index.resources(kind):
                if id(received.resource) in reading.mapped:
                    continue
                if kind == "Specimen" or is_request(reading, received):
                    is_copy = received.ref in reading.mapped_refs
                    reading.set_aside(
                        received,
                        "duplicate_id" if is_copy else "dangling_reference",
                        COPY if is_copy else _UNNAMED,
                        _AREA,
                    )

    def _report(self, item: Item, structure: ReportStructure, held: _Held) -> InvestigationReport:
        reading, resource = self._reading, item.resource
        status = item.code(resource.get("status"), "status")
        performers = [
            reading.parties.party(item, each.get("actor", each), "performer.actor")
            for each in item.many(resource.get("performer"), "performer")
        ]
        reading.growth.repeat(len(performers))
        origin = provenance(
            reading,
            item,
            encounter=item.reference(resource.get("context"), "context") if "context" in resource else None,
        )
        report: InvestigationReport = {
            "item_id": item_id(item, origin["business_ids"]),
            "code": coded_text(item, resource.get("code"), "code"),
            "title": "",
            "title_from": "code",
            "status": _STATUSES.get(status or "", "unknown"),
            "categories": concepts(item, resource.get("category"), "category"),
            "performers": [party for party in performers if party is not None],
            "coded_diagnoses": concepts(item, resource.get("codedDiagnosis"), "codedDiagnosis"),
            "notes": notes(item, resource.get("note")),
            "requests": [],
            "specimens": [],
            "groups": [],
            "results": [],
            "filing_comments": [],
            "provenance": origin,
            "issue_codes": [],
        }
        if status not in _STATUSES:
            item.note("unknown_status", "status")
            if status is not None:
                report["source_status"] = status
        if (issued := item.date(resource.get("issued"), "issued")) is not None:
            report["issued"] = issued
        if (conclusion := item.text(resource.get("conclusion"), "conclusion")) is not None:
            report["conclusion"] = conclusion
        self._add_observations(item, report, structure, held)
        self._add_others(item, report, structure, held)
        add_title(report)
        if "extension" in resource:
            item.note("unknown_extension", "extension")
        note_set_aside(item, resource, _SET_ASIDE)
        note_modifiers(reading, item)
        report["issue_codes"] = item.codes()
        return report

    def _add_observations(
        self, item: Item, report: InvestigationReport, structure: ReportStructure, held: _Held
    ) -> None:
        for group in structure.groups:
            results = [each for ref in group.results for each in self._observations(structure, held, ref)]
            # Where several are called as the heading is, the results stand under the first.
            for heading in self._observations(structure, held, group.heading):
                found = cast("ReportGroup", {**heading, "results": results})
                if group.by_order:
                    found["grouped_by"] = "order"
                report["groups"].append(found)
                results = []
            report["results"] += results
        report["results"] += [
            each for ref in structure.results for each in self._observations(structure, held, ref)
        ]
        for ref, about in structure.comments.items():
            for each in self._observations(structure, held, ref):
                report["filing_comments"].append(self._filing_comment(item, each, about))

    def _observations(self, structure: ReportStructure, held: _Held, ref: str) -> Iterator[Observation]:
        for received in structure.members[ref].received:
            read = self._reading.read(received, _AREA, partial(map_observation, self._reading))
            if read is not None:
                held.observations.append(received)
                yield read

    def _filing_comment(self, item: Item, note: Observation, about: list[str]) -> FilingComment:
        comment = cast("FilingComment", {**note, "source_ref": note["provenance"]["source_ref"]})
        if "comment" in comment:
            comment["text"] = comment.pop("comment")
        if "effective" in comment:
            comment["filed_at"] = comment.pop("effective")
        # Its lines are about the filing: a number in them is no result.
        value = comment.get("value")
        if value is not None and value["kind"] == "quantity" and "read_from" in value:
            del comment["value"]
        comment["reference_ranges"] = [
            each for each in comment["reference_ranges"] if "read_from" not in each
        ]
        if "interpretation" in comment and comment["interpretation"]["term_from"] == "note":
            del comment["interpretation"]
        # What the report contains is called by its local id.
        sent = [{"reference": f"#{ref.partition('#')[2]}" if "#" in ref else ref} for ref in about]
        links = self._reading.links.many(item, sent, "result")
        if links:
            comment["about"] = links[0]
        if len(links) > 1:
            comment["also_about"] = links[1:]
        return comment

    def _add_others(
        self, item: Item, report: InvestigationReport, structure: ReportStructure, held: _Held
    ) -> None:
        """Specimens, requests, and what the report only names."""
        resource, members = item.resource, structure.members.values()
        of_results = [
            sent
            for member in members
            for received in member.received
            if type(sent := received.resource.get("specimen")) is dict
        ]
        sent = item.many(resource.get("specimen"), "specimen")
        of_report = set(map(id, sent))
        report["specimens"], left = self._parts(
            item, "Specimen", [*sent, *of_results], self._specimens, read_specimen, held
        )
        report["requests"], unread = self._parts(
            item,
            "ProcedureRequest",
            item.many(resource.get("basedOn"), "basedOn"),
            self._requests,
            read_request,
            held,
        )
        elsewhere = [
            *self._elsewhere(item, "result", structure.elsewhere),
            # What a result names has a link there.
            *self._elsewhere(item, "specimen", [each for each in left if id(each) in of_report]),
            *self._elsewhere(item, "request", unread),
        ]
        if elsewhere:
            report["elsewhere"] = elsewhere

    def _parts(
        self,
        item: Item,
        kind: str,
        sent: list[JsonObject],
        known: dict[str, list[tuple[ReceivedEntry, _PartT]]],
        read: Callable[[Reading, Item], _PartT],
        held: _Held,
    ) -> tuple[list[_PartT], list[JsonObject]]:
        """What these References name, each once; and those that lead to nothing of the kind."""
        reading = self._reading
        contained = dict(contained_in(item, kind))
        parts: dict[int, _PartT] = {}
        left: list[JsonObject] = []
        for reference in sent:
            written = item.code(reference.get("reference"), kind) or ""
            inside = contained.get(f"{item.ref}{written}")
            if inside is not None:
                received = [inside]
            else:
                received = [
                    each
                    for each in reading.index.variants(reference_target(written), kind)
                    if each.kind == kind and (kind == "Specimen" or is_request(reading, each))
                ]
            if not received:
                left.append(reference)
                continue
            ref = received[0].ref
            if ref in known and inside is None:
                for _, part in known[ref]:
                    if id(part) not in parts:
                        reading.growth.share(part)
                        reading.growth.repeat(1)
            else:
                found = [(each, reading.read(each, _AREA, partial(read, reading))) for each in received]
                known[ref] = [(each, part) for each, part in found if part is not None]
            held.shown += [each for each, _ in known[ref]]
            parts.update({id(part): part for _, part in known[ref]})
        return list(parts.values()), left

    def _elsewhere(
        self, item: Item, named_as: Literal["result", "specimen", "request"], sent: list[JsonObject]
    ) -> Iterator[NamedElsewhere]:
        for reference in sent:
            if (link := self._reading.links.one(item, reference, named_as)) is not None:
                yield {"named_as": named_as, "target": link}

    def _is_new(self, received: ReceivedEntry) -> bool:
        """Different reports of one id may contain the same: it counts once."""
        if "#" not in received.ref:
            return True
        key = (received.ref, comparable_hash(received.resource))
        is_new = key not in self._contained
        self._contained.add(key)
        return is_new
