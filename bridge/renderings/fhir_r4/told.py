"""How complete a Bundle is: a List for each list of an area, an OperationOutcome for what must be known."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, get_type_hints

from bridge.areas.events import AreaPublished
from bridge.fhir.systems import SNOMED
from bridge.record import Area, AreaWarning, Issue, Unmapped
from bridge.renderings.fhir_r4.common import Resource, concept_of, own, put_date
from bridge.renderings.fhir_r4.scope import R4Scope
from bridge.renderings.fhir_r4.uk_core import CODES, ISSUE_CODE, UK_CORE, UK_CORE_CODES

_WARNING: Final = f"{UK_CORE}Extension-UKCore-ListWarningCode"
_WARNINGS: Final = frozenset({"confidential-items", "data-in-transit", "data-awaiting-filing"})
_EMPTY: Final = f"{CODES}list-empty-reason"
_NO_CONTENT: Final = concept_of(
    f"{UK_CORE_CODES}UKCore-ListEmptyReasonCode", "no-content-recorded", "No Content Recorded"
)
_EMPTY_REASONS: Final = {
    "only_withheld": "withheld",
    "not_asked": "notasked",
    "not_started": "notstarted",
    "closed": "closed",
}
"""Of R4. Every other outcome without items is `unavailable`; none is ever `nilknown`."""
_WORDS: Final = {
    "items": "Items are here.",
    "nothing_recorded": "Nothing that matched was recorded; this does not say that there is none.",
    "only_withheld": "Items exist and are withheld.",
    "not_asked": "The practice says that it did not ask.",
    "not_started": "The practice says that it has not started this list.",
    "unavailable": "The practice says that this is not available.",
    "closed": "The practice says that this list is closed.",
    "empty_unexplained": "The list is empty, and the practice does not say why.",
    "list_unusable": "The practice's list cannot be used: what there is is not known.",
    "not_requested": "Not asked for.",
    "not_supported": "The practice's system does not support this: what there is is not known.",
    "list_absent": "The practice sent no list: what there is is not known.",
    "failed": "The items could not be read: what there is is not known.",
}
_OUTCOME_CODES: Final = {
    "only_withheld": "suppressed",
    "not_supported": "not-supported",
    "not_requested": "informational",
    "failed": "exception",
}
_TITLES: Final = {
    "medications": "Medications and medical devices",
    "allergies": "Allergies and adverse reactions",
}
_DOUBT: Final = "The practice says so, and the record as a whole does not:"
_OF_ALL_AREAS: Final = frozenset({*get_type_hints(AreaPublished), "items", "ended_area"})
_UNFINISHED: Final = "This list is not complete."


def list_resource(
    area: Area,
    snomed: str | None,
    entries: Sequence[Resource],
    scope: R4Scope,
    *,
    doubts: Sequence[str] = (),
    said: Mapping[str, Any] = MappingProxyType({}),
) -> Resource:
    """The List of one list of an area: what stands in it, else why nothing does.

    Args:
        area: how it was answered.
        snomed: code of the list, if it has one.
        entries: references to what stands in it.
        scope: the Bundle.
        doubts: what the practice says in it that the record as a whole does not.
        said: data of the area's event, where it is the area's main list.
    """
    name, outcome = area["area"], area["outcome"]
    title = _TITLES.get(name) or name.replace("_", " ").capitalize()
    words = [_WORDS[outcome]] if outcome != "items" else []
    if not area["complete"]:
        words.append(_UNFINISHED)
    if "note" in area:
        words.append(area["note"])
    found: Resource = {
        "resourceType": "List",
        "id": scope.id("List", name),
        "meta": scope.meta("List"),
        "extension": [
            *(_warning(each) for each in area["warnings"]),
            own("area", extension=[*_described(area), *_own_fields(said)]),
        ],
        "status": "current",
        "mode": "snapshot",
        "title": title,
        "code": {"text": title} if snomed is None else {**concept_of(SNOMED, snomed, title), "text": title},
        "subject": scope.patient,
        "date": scope.header["retrieved_at"],
        "note": [
            {"text": text}
            for text in (*words, *(f"{_DOUBT} {each}" for each in doubts), *area["placeholders"])
        ],
    }
    if not found["note"]:
        del found["note"]
    if entries:
        found["entry"] = [{"item": each} for each in entries]
    else:
        found["emptyReason"] = _empty(area)
    return found


def _empty(area: Area) -> Resource:
    """Why a list is empty; what the practice sent stands as its words."""
    outcome = area["outcome"]
    if outcome == "nothing_recorded" and area["complete"]:
        reason = {**_NO_CONTENT}
    else:
        reason = concept_of(_EMPTY, _EMPTY_REASONS.get(outcome, "unavailable"))
    return {**reason, "text": area.get("empty_reason") or _WORDS[outcome]}


def _warning(warning: AreaWarning) -> Resource:
    """A warning code of UK Core with the practice's words; one that is none of these has its words alone."""
    code = warning["code"]
    value = concept_of(f"{UK_CORE_CODES}UKCore-ListWarningCode", code) if code in _WARNINGS else {}
    extensions = [] if code in _WARNINGS else [own("warning", valueCode=code)]
    if "missing_before" in warning:
        missing = own("missing-before")
        put_date(missing, "valueDateTime", warning["missing_before"])
        extensions.append(missing)
    if "secondary_list" in warning:
        extensions.append(own("secondary-list", valueCode=warning["secondary_list"]))
    value |= {"text": warning["text"]}
    if extensions:
        value["extension"] = extensions
    return {"url": _WARNING, "valueCodeableConcept": value}


def _described(area: Area) -> list[Resource]:
    """How an area was answered, as the events have it."""
    parts: list[Resource] = [
        {"url": "name", "valueCode": area["area"].replace("_", "-")},
        {"url": "outcome", "valueCode": area["outcome"].replace("_", "-")},
        {"url": "complete", "valueBoolean": area["complete"]},
        {"url": "listed", "valueInteger": area["listed"]},
        {"url": "mapped", "valueInteger": area["mapped"]},
        {"url": "received", "valueInteger": area["received"]},
    ]
    if "linked" in area:
        parts.append({"url": "linked", "valueInteger": area["linked"]})
    if "search_from" in area:
        parts.append({"url": "search-from", "valueString": area["search_from"]})
    parts += [
        {"url": "limited-to", "valueString": f"{name}: {value}"}
        for name, value in area.get("limited_to", {}).items()
    ]
    return parts


def _own_fields(said: Mapping[str, Any]) -> Iterator[Resource]:
    """What the event of this area says as a whole and those of other areas do not: `allergy_statement`."""
    for name, value in said.items():
        if name in _OF_ALL_AREAS:
            continue
        url = name.replace("_", "-")
        if isinstance(value, bool):
            yield {"url": url, "valueBoolean": value}
        elif isinstance(value, str):
            yield {"url": url, "valueString": value}
        elif isinstance(value, list):
            yield from ({"url": url, "valueString": each} for each in value if isinstance(each, str))


def outcome_resource(
    data: Mapping[str, Any], unrendered: Iterable[str], unconfirmed: Iterable[str], scope: R4Scope
) -> Resource | None:
    """All that a reader must know about the whole; None when there is nothing.

    Args:
        data: of the manifest.
        unrendered: areas that have items and no form in R4.
        unconfirmed: what the practice says that the record as a whole does not.
        scope: the Bundle.
    """
    issues: list[Resource] = []
    if data["demographics"]["verdict"] == "review":
        issues.append(
            _issue("warning", "business-rule", "A person must look at the patient's details first.")
        )
    issues += [
        _issue("error", "not-supported", f"{name}: this area has items that are not in this Bundle.")
        for name in unrendered
    ]
    issues += [_issue("warning", "conflict", f"{_DOUBT} {words}") for words in unconfirmed]
    for area in data["areas"]:
        issues += _of_area(area)
    issues += [_unmapped(each) for each in data["unmapped"]]
    issues += [_noted(each) for each in data["issues"]]
    if not issues:
        return None
    return {
        "resourceType": "OperationOutcome",
        "id": scope.id("OperationOutcome", "record"),
        "meta": scope.meta("OperationOutcome"),
        "issue": issues,
    }


def _of_area(area: Area) -> list[Resource]:
    """What speaks against reading an area as the whole of it."""
    name, outcome = area["area"], area["outcome"]
    found = []
    if outcome not in ("items", "nothing_recorded"):
        severity = "information" if outcome == "not_requested" else "warning"
        code = _OUTCOME_CODES.get(outcome, "incomplete")
        found.append(_issue(severity, code, f"{name}: {_WORDS[outcome]}"))
    elif not area["complete"]:
        found.append(_issue("warning", "incomplete", f"{name}: {_UNFINISHED}"))
    return found + [
        _issue("warning", "incomplete", f"{name}: {warning['text']}") for warning in area["warnings"]
    ]


def _unmapped(entry: Unmapped) -> Resource:
    text = f"{entry['detail']} {entry['display']}" if "display" in entry else entry["detail"]
    found = _issue("warning", "incomplete", text, entry["reason"])
    found["diagnostics"] = (
        f"{entry['source_ref']} ({entry['area']})" if "area" in entry else entry["source_ref"]
    )
    return found


def _noted(issue: Issue) -> Resource:
    severity = issue["severity"]
    code = "informational" if severity == "information" else "processing"
    found = _issue(severity, code, issue["message"], issue["code"])
    where = [issue[key] for key in ("source_ref", "path") if key in issue]
    if where:
        found["diagnostics"] = " ".join(where)
    return found


def _issue(severity: str, code: str, text: str, ours: str | None = None) -> Resource:
    details: Resource = {"text": text}
    if ours is not None:
        details["coding"] = [{"system": ISSUE_CODE, "code": ours}]
    return {"severity": severity, "code": code, "details": details}
