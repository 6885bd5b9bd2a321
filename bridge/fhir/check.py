"""How a bundle deviates from base FHIR STU3, resource by resource: what an integrator sends to a supplier.

The mapping never needs this. It reads leniently; this judges strictly, and says of each deviation where it is
and which rule it breaks, never the value.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from bridge.fhir.index import index_bundle
from bridge.fhir.structure import examine, model_of
from bridge.values import dataclass

NOT_STU3: Final = "not_stu3: the resource is written as in FHIR R4"
_OBJECTS_IN_R4: Final = {
    "AllergyIntolerance": ("clinicalStatus", "verificationStatus"),
    "Condition": ("clinicalStatus", "verificationStatus"),
}
_NAMES_OF_R4: Final = {
    "AllergyIntolerance": ("recordedDate",),
    "Condition": ("recordedDate",),
    "Immunization": ("occurrenceDateTime", "occurrenceString"),
    "Encounter": ("reasonCode",),
    "MedicationRequest": (
        "reportedBoolean",
        "reportedReference",
        "statusReason",
        "doNotPerform",
        "encounter",
    ),
}
"""Elements that STU3 has under no such name, and R4 has. `encounter` was `context`."""
_TYPES_OF_R4: Final = frozenset(
    {"ServiceRequest", "MedicationKnowledge", "ImmunizationEvaluation", "OrganizationAffiliation"}
)
_PROFILES_OF_R4: Final = ("/R4/", "/UKCore-")
_CONTENT: Final = ("resource", "request", "response")


class Deviation(NamedTuple):
    """One deviation.

    Attributes:
        resource: `Type/id` of the resource, or `entry` for an entry without one.
        path: where in the resource, `code.coding.0.system`.
        rule: the rule it breaks, in words; never the value.
    """

    resource: str
    path: str
    rule: str


@dataclass(frozen=True, slots=True)
class Group:
    """The deviations of one rule at one place of one type.

    Attributes:
        where: `Type.path`, without the numbers of repeated elements.
        rule: the rule they break.
        found: each of them.
    """

    where: str
    rule: str
    found: Sequence[Deviation]


def check_bundle(bundle: object) -> list[Deviation]:
    """Every deviation of `bundle` from base STU3; none when the list is empty.

    Types, cardinality, how primitives are written, required bindings and invariants are looked at; profiles
    of GP Connect are not: this finds what breaks any FHIR parser. No value of the bundle is repeated, so the
    list may leave the organisation. A resource of FHIR R4 has one deviation, `NOT_STU3`.
    """
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        return [Deviation("Bundle", "resourceType", "not a Bundle")]
    index = index_bundle(bundle)
    found = [Deviation("entry", "resource", "an entry holds no resource") for _ in index.malformed]
    found += _of_bundle(bundle)
    for received in index.received:
        found += _of_resource(received.kind, received.ref, received.resource)
    return sorted(found)


def grouped(deviations: Sequence[Deviation]) -> list[Group]:
    """The same by rule and place, the most frequent first."""
    groups: dict[tuple[str, str], list[Deviation]] = {}
    for each in deviations:
        kind = each.resource.partition("/")[0].partition("[")[0]
        steps = [step for step in each.path.split(".") if step and not step.isdecimal()]
        groups.setdefault((".".join([kind, *steps]), each.rule), []).append(each)
    found = [Group(where, rule, each) for (where, rule), each in groups.items()]
    return sorted(found, key=lambda group: (-len(group.found), group.where, group.rule))


def _of_bundle(bundle: dict[str, Any]) -> Iterator[Deviation]:
    """What is wrong with the bundle and its entries, besides the resources in them."""
    entries = bundle.get("entry")
    outside: dict[str, Any] = {name: value for name, value in bundle.items() if name != "entry"}
    if "entry" in bundle:
        # Resources are looked at one by one, so that each is named; here their place is all that counts.
        outside["entry"] = entries
        if isinstance(entries, list):
            outside["entry"] = [_outline(each) for each in entries if _holds(each)]
    if outside.get("entry") == [] and entries:
        del outside["entry"]  # what holds no resource is told of already
    for path, rule in examine("Bundle", outside):
        yield Deviation("Bundle", _written(path), rule)


def _holds(entry: object) -> bool:
    """Whether an entry holds anything: one that does not is a deviation of its own, and a single one."""
    return isinstance(entry, dict) and any(isinstance(entry.get(name), dict) for name in _CONTENT)


def _outline(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry with another resource of the same version, in which nothing is wrong."""
    resource = entry.get("resource")
    if not isinstance(resource, dict):
        return entry
    meta = resource.get("meta")
    version = meta.get("versionId") if isinstance(meta, dict) else None
    versioned = {"meta": {"versionId": version}} if isinstance(version, str) and version else {}
    return {**entry, "resource": {"resourceType": "Basic", "code": {"text": "-"}, **versioned}}


def _of_resource(kind: str, ref: str, resource: dict[str, Any]) -> Iterator[Deviation]:
    if _is_of_r4(kind, resource):
        yield Deviation(ref, "", NOT_STU3)
    elif model_of(kind) is None or kind == "Resource":
        yield Deviation(ref, "resourceType", "not a resource type of STU3")
    else:
        try:
            found = list(examine(kind, resource))
        except RecursionError:
            found = [((), "is nested too deeply to be read")]
        for path, rule in found:
            yield Deviation(ref, _written(path), rule)


def _written(path: Sequence[str | int]) -> str:
    return ".".join(str(step) for step in path)


def _is_of_r4(kind: str, resource: Mapping[str, Any]) -> bool:
    """Whether there is a sure mark of R4: one that a mistake in STU3 would hardly make."""
    meta = resource.get("meta")
    profiles = meta.get("profile") if isinstance(meta, dict) else None
    return (
        kind in _TYPES_OF_R4
        or any(isinstance(resource.get(name), dict) for name in _OBJECTS_IN_R4.get(kind, ()))
        or any(name in resource for name in _NAMES_OF_R4.get(kind, ()))
        or (
            isinstance(profiles, list)
            and any(isinstance(each, str) and mark in each for each in profiles for mark in _PROFILES_OF_R4)
        )
    )
