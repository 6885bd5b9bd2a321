"""Problems to Condition of R4.

R4 lets a problem have an end only when it is not active (con-4). Where a practice says both, its state cannot
be told: `clinicalStatus` says that it is unknown, and state and end stand in notes. So does the state of one
that is refuted.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from bridge.record.dates import is_known
from bridge.renderings.fhir_r4.amounts import is_of_ucum, words
from bridge.renderings.fhir_r4.common import (
    Resource,
    absent,
    annotations,
    concept,
    concept_of,
    put_date,
    quantity,
)
from bridge.renderings.fhir_r4.items import Told, link, note, put_encounter, start
from bridge.renderings.fhir_r4.scope import PERSONS, R4Scope
from bridge.renderings.fhir_r4.uk_core import CODES, UK_CORE
from bridge.renderings.rendering import Lost

_VERIFIED: Final = frozenset(
    {"unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error"}
)

LOSSES: Final[Sequence[Lost]] = tuple(
    Lost(f"problems.items.{age}.{name}", "Of an age that is told in words, the code of its unit.")
    for age in ("onset_age", "abated_age")
    for name in ("unit_code", "unit_system")
)


def resources(items: Sequence[Told], scope: R4Scope) -> list[Resource]:
    """A Condition for each item, in their order."""
    return [_condition(scope, item) for item in items]


def _condition(scope: R4Scope, item: Told) -> Resource:
    resource = start(scope, "Condition", item)
    if extensions := list(_extensions(scope, item)):
        resource["extension"] = extensions
    notes: list[str] = []
    has_ended = any(name in item for name in ("abated", "abated_text", "abated_age"))
    notes += _add_status(resource, item, has_ended=has_ended)
    if "source_significance" in item:
        notes.append(f"Significance as sent: {item['source_significance']}")
    resource["category"] = [concept_of(f"{CODES}condition-category", "problem-list-item")]
    resource["code"] = concept(item["condition"], scope.profile)
    resource["subject"] = scope.patient
    put_encounter(scope, resource, item)
    notes += _put_time(resource, "onset", item)
    if _is_inactive(resource):
        notes += _put_time(resource, "abatement", item)
    else:
        notes += (f"Abatement, as sent: {each}" for each in _time_in_words("abated", item))
    put_date(resource, "recordedDate", item.get("asserted_at"))
    if "asserter" in item:
        resource["asserter"] = scope.party(item["asserter"], PERSONS)
    if told := [*annotations(item["notes"]), *map(note, notes)]:
        resource["note"] = told
    return resource


def _extensions(scope: R4Scope, item: Told) -> Iterator[Resource]:
    """What GP Connect says of problems alone: extensions that UK Core had for it, and has retired."""
    if "actual_problem" in item:
        target = link(scope, item["actual_problem"])
        yield {"url": f"{UK_CORE}Extension-UKCore-ActualProblem", "valueReference": target}
    if item["significance"] != "unknown":
        yield {"url": f"{UK_CORE}Extension-UKCore-ProblemSignificance", "valueCode": item["significance"]}
    for each in item["related_content"]:
        url = f"{UK_CORE}Extension-UKCore-RelatedClinicalContent"
        yield {"url": url, "valueReference": link(scope, each)}
    for each in item["related_problems"]:
        relation = each.get("relation_as_sent", each["relation"])
        yield related_problem(scope, each["target"], relation if relation != "unknown" else None)


def related_problem(scope: R4Scope, target: Any, relation: str | None = None) -> Resource:
    """UK Core's extension for a problem that something is about, or that another problem is related to.

    Args:
        scope: of the bundle.
        target: link to the problem.
        relation: what it is to the problem that has the extension: `parent`, `child` or `sibling`.
    """
    parts: list[Resource] = [{"url": "type", "valueCode": relation}] if relation is not None else []
    parts.append({"url": "target", "valueReference": link(scope, target)})
    return {"url": f"{UK_CORE}Extension-UKCore-RelatedProblemHeader", "extension": parts}


def _add_status(resource: Resource, item: Told, *, has_ended: bool) -> Iterator[str]:
    """Whether it is active. What is refuted, or ended, never is, whatever else is said of it."""
    verified = item.get("verification_status")
    if verified is not None:
        known = verified in _VERIFIED
        resource["verificationStatus"] = (
            concept_of(f"{CODES}condition-ver-status", verified) if known else {"text": verified}
        )
    status = item["clinical_status"]
    as_sent = item.get("source_status", status)
    if verified == "entered-in-error":
        yield f"Status as sent: {as_sent}"
        return  # R4 has none of such a one (con-5)
    if status == "inactive" or (status == "active" and not has_ended and verified != "refuted"):
        resource["clinicalStatus"] = concept_of(f"{CODES}condition-clinical", status)
    else:
        resource["clinicalStatus"] = absent("unknown")
        yield f"Status as sent: {as_sent}"


def _put_time(resource: Resource, name: str, item: Told) -> Iterator[str]:
    """Onset or end: one form is R4's element, and what was sent in others as well is words."""
    ours = "onset" if name == "onset" else "abated"
    on, age = item.get(ours), item.get(f"{ours}_age")
    said = list(_time_in_words(ours, item))
    if on is not None and is_known(on):
        put_date(resource, f"{name}DateTime", on)
        said.remove(on["value"])
    elif age is not None and is_of_ucum(age):
        resource[f"{name}Age"] = quantity(age)
        said.remove(words(age))
    elif said:
        resource[f"{name}String"] = "; ".join(said)
        return
    yield from (f"{name.capitalize()}, as sent: {each}" for each in said)


def _time_in_words(ours: str, item: Told) -> Iterator[str]:
    if ours in item:
        yield item[ours]["value"]
    if f"{ours}_age" in item:
        yield words(item[f"{ours}_age"])
    if f"{ours}_text" in item:
        yield item[f"{ours}_text"]


def _is_inactive(resource: Resource) -> bool:
    """Whether R4 lets it have an end (con-4)."""
    return any(each["code"] == "inactive" for each in resource.get("clinicalStatus", {}).get("coding", ()))
