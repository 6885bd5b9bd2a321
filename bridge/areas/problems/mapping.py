"""Condition to `Problem` (digest §5.1)."""

from collections.abc import Iterable
from typing import Final

from bridge.areas.problems.header import clinical_status, significance
from bridge.areas.problems.model import Problem, ProblemRelation, RelatedProblem
from bridge.areas.problems.options import ProblemOptions
from bridge.areas.spec import AreaAnswer
from bridge.fhir.read import Item, JsonObject, extension_value
from bridge.mapping.coded import DEGRADED_RECORD_ENTRY, coded_text
from bridge.mapping.items import newest_first, read_items
from bridge.mapping.modifiers import note_modifiers
from bridge.mapping.provenance import item_id, provenance
from bridge.mapping.reading import Reading
from bridge.mapping.set_aside import note_set_aside
from bridge.mapping.values import notes, period, simple_quantity
from bridge.record.common import Link, PartialDate, Quantity

_AREA: Final = "problems"
_KNOWN_EXTENSIONS: Final = frozenset(
    {"actualproblem", "relatedclinicalcontent", "relatedproblemheader", "problemsignificance"}
)
_SET_ASIDE: Final = frozenset({"severity", "bodySite", "stage", "evidence"})
_RELATIONS: Final[dict[str, ProblemRelation]] = {"parent": "parent", "child": "child", "sibling": "sibling"}
_ORDER: Final = {"active": 0, "unknown": 1, "inactive": 2}


def map_problems(answer: AreaAnswer[ProblemOptions]) -> list[Problem]:
    """Every problem of the bundle; the active ones first, then the newest."""
    found = read_items(answer.reading, "Condition", _AREA, _problem)
    newest = newest_first(found, lambda each: each.get("onset"))
    # One of unknown status may be active: it does not stand among those that are over.
    return sorted(newest, key=lambda each: _ORDER[each["clinical_status"]])


def _problem(reading: Reading, item: Item) -> Problem:
    resource = item.resource
    extensions = item.extensions(resource)
    asserter = reading.parties.party(item, resource.get("asserter"), "asserter")
    origin = provenance(
        reading, item, author=asserter, encounter=item.reference(resource.get("context"), "context")
    )
    status, significant = clinical_status(item), significance(item)
    problem: Problem = {
        "item_id": item_id(item, origin["business_ids"]),
        "condition": coded_text(item, resource.get("code"), "code", degrade_to=DEGRADED_RECORD_ENTRY),
        "clinical_status": status.value,
        "significance": significant.value,
        "related_content": _links(reading, item, extensions.get("relatedclinicalcontent", ())),
        "related_problems": [
            related
            for each in extensions.get("relatedproblemheader", ())
            if (related := _related(reading, item, each)) is not None
        ],
        "notes": notes(item, resource.get("note")),
        "issue_codes": [],
        "provenance": origin,
    }
    if (actual := _links(reading, item, extensions.get("actualproblem", ()))) != []:
        problem["actual_problem"] = actual[0]
        # One is expected; what any other names belongs to the problem all the same.
        problem["related_content"] = [*actual[1:], *problem["related_content"]]
    if status.as_sent is not None:
        problem["source_status"] = status.as_sent
        item.note("unknown_status", "clinicalStatus")
    if significant.as_sent is not None:
        problem["source_significance"] = significant.as_sent
    if (verified := item.code(resource.get("verificationStatus"), "verificationStatus")) is not None:
        problem["verification_status"] = verified
        item.note("element_not_in_profile", "verificationStatus")
    if asserter is not None:
        problem["asserter"] = asserter
    if (asserted := item.date(resource.get("assertedDate"), "assertedDate")) is not None:
        problem["asserted_at"] = asserted
    _add_times(item, problem)
    if not _KNOWN_EXTENSIONS.issuperset(extensions):
        item.note("unknown_extension", "extension")
    note_set_aside(item, resource, _SET_ASIDE)
    note_modifiers(reading, item)
    problem["issue_codes"] = item.codes()
    return problem


def _links(reading: Reading, item: Item, extensions: Iterable[JsonObject]) -> list[Link]:
    found = (reading.links.one(item, extension_value(each), "extension") for each in extensions)
    return [link for link in found if link is not None]


def _related(reading: Reading, item: Item, extension: JsonObject) -> RelatedProblem | None:
    """One extension holds a type and a target; on lists a plain reference, which is taken too (OD-41)."""
    inner = item.extensions(extension)
    targets = [extension_value(each) for each in inner.get("target", ())] or [extension_value(extension)]
    links = [
        link for each in targets if (link := reading.links.one(item, each, "extension.target")) is not None
    ]
    if not links:
        return None
    sent = next((item.code(extension_value(each), "extension.type") for each in inner.get("type", ())), None)
    relation = _RELATIONS.get((sent or "").lower(), "unknown")
    related: RelatedProblem = {"relation": relation, "target": links[0]}
    if sent is not None and relation == "unknown":
        related["relation_as_sent"] = sent
    return related


def _time(item: Item, name: str) -> tuple[PartialDate | None, str | None, Quantity]:
    """Onset or end as a date, as words and as an age, so that none of its types is left out unsaid."""
    resource = item.resource
    on = item.date(resource.get(f"{name}DateTime"), f"{name}DateTime")
    if on is None and f"{name}Period" in resource:
        on = period(item, resource[f"{name}Period"], f"{name}Period")[0]
    for other in ("Range", "Boolean"):
        if f"{name}{other}" in resource:
            item.note("unreadable_element", f"{name}{other}")
    said = item.text(resource.get(f"{name}String"), f"{name}String")
    return on, said, simple_quantity(item, item.one(resource.get(f"{name}Age"), f"{name}Age"), f"{name}Age")


def _add_times(item: Item, problem: Problem) -> None:
    onset, onset_text, onset_age = _time(item, "onset")
    if onset is not None:
        problem["onset"] = onset
    if onset_text is not None:
        problem["onset_text"] = onset_text
    if onset_age:
        problem["onset_age"] = onset_age
    abated, abated_text, abated_age = _time(item, "abatement")
    if abated is not None:
        problem["abated"] = abated
    if abated_text is not None:
        problem["abated_text"] = abated_text
    if abated_age:
        problem["abated_age"] = abated_age
