"""Invariants of FHIR STU3: what elements must be together, by the key that the specification gives each.

Source: FHIR STU3 (3.0.2), the "Constraints" of each resource and data type that GP Connect uses. Each rule is
a function that says whether a JSON object keeps it; objects of the wrong shape are reported elsewhere, and
keep every rule here.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from bridge.fhir.read import references_in

FhirElement = Mapping[str, Any]
Keeps = Callable[[FhirElement], bool]


def broken_invariants(kind: str, value: FhirElement) -> Iterator[str]:
    """Each rule of a type that an object breaks: ``ait-1: …``."""
    for rule, keeps in _RULES.get(kind, ()):
        try:
            is_kept = keeps(value)
        except (TypeError, AttributeError, ValueError):
            continue  # not of the shape that the rule is about, which is a deviation of its own
        if not is_kept:
            yield rule


def broken_domain_rules(resource: FhirElement) -> Iterator[str]:
    """Each rule of contained resources that a resource breaks."""
    contained = [each for each in _list(resource, "contained") if isinstance(each, dict)]
    held = {each["id"] for each in contained if isinstance(each.get("id"), str)}
    local = {written[1:] for written in references_in(resource) if written.startswith("#")}
    if any("text" in each for each in contained):
        yield "dom-1: a contained resource has no narrative"
    if any("contained" in each for each in contained):
        yield "dom-2: a contained resource contains no other"
    if any(not isinstance(name := each.get("id"), str) or name not in local for each in contained):
        yield "dom-3: a contained resource is referred to from the resource"
    if any({"versionId", "lastUpdated"} & set(_dict(each, "meta")) for each in contained):
        yield "dom-4: a contained resource has no meta.versionId and no meta.lastUpdated"
    if local - held - {""}:
        yield "ref-1: a reference that begins with # points at a contained resource"


def _list(value: FhirElement, name: str) -> list[Any]:
    found = value.get(name)
    return found if isinstance(found, list) else []


def _dict(value: FhirElement, name: str) -> FhirElement:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def _choice(value: FhirElement, stem: str) -> list[str]:
    """Which of ``value[x]`` are there: names with an upper-case letter behind the stem."""
    return [name for name in value if name.startswith(stem) and name[len(stem) : len(stem) + 1].isupper()]


def _needs(name: str, other: str) -> Keeps:
    return lambda value: name not in value or other in value


def _any_of(*names: str) -> Keeps:
    return lambda value: any(name in value for name in names)


def _one_way(value: FhirElement) -> bool:
    return bool(_choice(value, "value")) != ("extension" in value)


def _in_order(value: FhirElement) -> bool:
    start, end = value.get("start"), value.get("end")
    if not isinstance(start, str) or not isinstance(end, str):
        return True
    shorter = min(len(start), len(end), 10)  # by the day: the hours may be of different zones
    return start[:shorter] <= end[:shorter]


def _ratio(value: FhirElement) -> bool:
    return ("numerator" in value) == ("denominator" in value) and (
        "numerator" in value or "extension" in value
    )


def _status_unless_error(value: FhirElement) -> bool:
    return value.get("verificationStatus") == "entered-in-error" or "clinicalStatus" in value


def _no_status_in_error(value: FhirElement) -> bool:
    return value.get("verificationStatus") != "entered-in-error" or "clinicalStatus" not in value


def _abated(value: FhirElement) -> bool:
    is_over = any(value[name] is not False for name in _choice(value, "abatement"))
    return not is_over or value.get("clinicalStatus") in ("inactive", "resolved", "remission")


def _codes(value: FhirElement) -> set[tuple[Any, Any]]:
    codings = (each for each in _list(_dict(value, "code"), "coding") if isinstance(each, dict))
    return {(each.get("system"), each.get("code")) for each in codings if "code" in each}


def _value_in_component(value: FhirElement) -> bool:
    parts = [each for each in _list(value, "component") if isinstance(each, dict)]
    return not _choice(value, "value") or all(_codes(value).isdisjoint(_codes(each)) for each in parts)


def _timed(value: FhirElement) -> bool:
    has_times = "start" in value and "end" in value
    return has_times or value.get("status") in ("proposed", "cancelled")


def _full_urls(value: FhirElement) -> bool:
    entries = [each for each in _list(value, "entry") if isinstance(each, dict) and "fullUrl" in each]
    seen = [(each["fullUrl"], _dict(_dict(each, "resource"), "meta").get("versionId")) for each in entries]
    return value.get("type") == "history" or len(set(seen)) == len(seen)


def _entries(value: FhirElement, name: str, *types: str) -> bool:
    return value.get("type") in types or all(
        name not in each for each in _list(value, "entry") if isinstance(each, dict)
    )


def _one_content(value: FhirElement) -> bool:
    return len(_choice(value, "value")) + ("resource" in value) + ("part" in value) == 1


def _at_home(value: FhirElement, name: str) -> bool:
    return any(each.get("use") == "home" for each in _list(value, name) if isinstance(each, dict))


_QUANTITY: Final[list[tuple[str, Keeps]]] = [
    ("qty-3: a code of a unit comes with its system", _needs("code", "system"))
]
_LIST_MODE: Final = "mode"

_RULES: Final[dict[str, list[tuple[str, Keeps]]]] = {
    "Extension": [("ext-1: an extension has either a value or extensions", _one_way)],
    "Quantity": _QUANTITY,
    "Age": _QUANTITY,
    "Count": _QUANTITY,
    "Distance": _QUANTITY,
    "Duration": _QUANTITY,
    "Money": _QUANTITY,
    "Period": [("per-1: a period does not end before it starts", _in_order)],
    "Ratio": [("rat-1: a ratio has both its numbers", _ratio)],
    "Attachment": [("att-1: data come with their contentType", _needs("data", "contentType"))],
    "ContactPoint": [("cpt-2: a value comes with its system", _needs("value", "system"))],
    "TimingRepeat": [
        ("tim-1: a duration comes with its unit", _needs("duration", "durationUnit")),
        ("tim-2: a period comes with its unit", _needs("period", "periodUnit")),
        ("tim-4: a duration is not negative", lambda value: value.get("duration", 0) >= 0),
        ("tim-5: a period is not negative", lambda value: value.get("period", 0) >= 0),
        ("tim-6: periodMax comes with a period", _needs("periodMax", "period")),
        ("tim-7: durationMax comes with a duration", _needs("durationMax", "duration")),
        ("tim-8: countMax comes with a count", _needs("countMax", "count")),
        ("tim-9: an offset comes with when", _needs("offset", "when")),
        ("tim-10: either timeOfDay or when", lambda value: not ("timeOfDay" in value and "when" in value)),
    ],
    "AllergyIntolerance": [
        ("ait-1: clinicalStatus is there, unless entered in error", _status_unless_error),
        ("ait-2: clinicalStatus is not there when entered in error", _no_status_in_error),
    ],
    "Appointment": [
        ("app-2: start and end are there together", lambda value: ("start" in value) == ("end" in value)),
        ("app-3: only proposed or cancelled ones have no time", _timed),
    ],
    "AppointmentParticipant": [("app-1: a participant has a type or an actor", _any_of("type", "actor"))],
    "Bundle": [
        (
            "bdl-1: a total only in a searchset or history",
            lambda value: "total" not in value or value.get("type") in ("searchset", "history"),
        ),
        ("bdl-2: entry.search only in a searchset", lambda value: _entries(value, "search", "searchset")),
        (
            "bdl-3: entry.request only in a batch, transaction or history",
            lambda value: _entries(value, "request", "batch", "transaction", "history"),
        ),
        (
            "bdl-4: entry.response only in a batch-response or transaction-response",
            lambda value: _entries(value, "response", "batch-response", "transaction-response"),
        ),
        ("bdl-7: each fullUrl is there once for each version", _full_urls),
    ],
    "BundleEntry": [
        (
            "bdl-5: an entry has a resource, a request or a response",
            _any_of("resource", "request", "response"),
        ),
        (
            "bdl-8: a fullUrl names no version",
            lambda value: "/_history/" not in value.get("fullUrl", ""),
        ),
    ],
    "CompositionSection": [
        ("cmp-1: a section has a text, entries or sections", _any_of("text", "entry", "section")),
        (
            "cmp-2: a section with entries has no emptyReason",
            lambda value: not {"entry", "emptyReason"} <= set(value),
        ),
    ],
    "Condition": [
        ("con-3: clinicalStatus is there, unless entered in error", _status_unless_error),
        ("con-4: what is abated is inactive, resolved or in remission", _abated),
    ],
    "ConditionEvidence": [("con-2: evidence has a code or a detail", _any_of("code", "detail"))],
    "ConditionStage": [("con-1: a stage has a summary or an assessment", _any_of("summary", "assessment"))],
    "Immunization": [
        (
            "imm-1: what was given has no reason for not giving it",
            lambda value: (
                value.get("notGiven") is not False or "reasonNotGiven" not in _dict(value, "explanation")
            ),
        ),
        (
            "imm-2: what was not given has no reaction and no reason for giving it",
            lambda value: (
                value.get("notGiven") is not True
                or ("reaction" not in value and "reason" not in _dict(value, "explanation"))
            ),
        ),
    ],
    "List": [
        (
            "lst-1: a list with entries has no emptyReason",
            lambda value: not {"entry", "emptyReason"} <= set(value),
        ),
        (
            "lst-2: entries are deleted only in a list of changes",
            lambda value: (
                value.get(_LIST_MODE) == "changes"
                or all("deleted" not in each for each in _list(value, "entry"))
            ),
        ),
        (
            "lst-3: entries have dates only in a working list",
            lambda value: (
                value.get(_LIST_MODE) == "working"
                or all("date" not in each for each in _list(value, "entry"))
            ),
        ),
    ],
    "MedicationStatement": [
        (
            "mst-1: a reason for not taking it only where it is not taken",
            lambda value: "reasonNotTaken" not in value or value.get("taken") == "n",
        )
    ],
    "Observation": [
        (
            "obs-6: dataAbsentReason only where there is no value",
            lambda value: "dataAbsentReason" not in value or not _choice(value, "value"),
        ),
        ("obs-7: no value beside a component of the same code", _value_in_component),
    ],
    "ObservationReferenceRange": [("obs-3: a range has low, high or text", _any_of("low", "high", "text"))],
    "Organization": [
        ("org-1: an organisation has a name or an identifier", _any_of("name", "identifier")),
        ("org-2: no address of an organisation is a home", lambda value: not _at_home(value, "address")),
        ("org-3: no number of an organisation is of a home", lambda value: not _at_home(value, "telecom")),
    ],
    "ParametersParameter": [("inv-1: a parameter has one of value, resource and part", _one_content)],
    "PatientContact": [
        (
            "pat-1: a contact has a name, number, address or organisation",
            _any_of("name", "telecom", "address", "organization"),
        )
    ],
}
