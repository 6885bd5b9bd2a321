"""What can be said against a bundle that was rendered to R4, and which resources are looked at twice."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.support.r4.invariants import invariant_faults
from tests.support.r4.structure import element_faults, r4_faults, r4b_faults, schema_faults

Resource = Mapping[str, Any]
_CODED = ("status", "intent", "mode", "docStatus", "clinicalStatus", "verificationStatus", "class")


def faults(bundle: Resource, *, seen: set[Any] | None = None) -> list[str]:
    """All that speaks against a bundle of the rendering.

    Every resource is read by the definitions of R4, and every element and reference is looked at. What is dear
    (the JSON Schema, R4B, FHIRPath) is done for resources in which there is something new.

    Args:
        bundle: as it is published.
        seen: what there was in those that were looked at, which is added to; None to look at every resource.
    """
    addressed = resources(bundle)
    kinds = {address: each["resourceType"] for address, each in addressed.items()}
    found = [*r4_faults(bundle), *_addresses(bundle)]
    if _is_new({("Bundle", *sorted(bundle))}, seen):
        found += invariant_faults(_without_content(bundle))
    for resource in addressed.values():
        found += element_faults(resource)
        found += [f"{resource['resourceType']}: {each} leads nowhere" for each in dangling(resource, kinds)]
        if _is_new(elements_of(resource), seen):
            found += schema_faults(resource) + r4b_faults(resource, kinds)
        if _is_new({(resource["resourceType"], *sorted(resource), *_codes(resource))}, seen):
            found += invariant_faults(resource)
    return found


def resources(bundle: Resource) -> dict[str, dict[str, Any]]:
    """The resources of a bundle by their addresses."""
    return {entry["fullUrl"]: entry["resource"] for entry in bundle.get("entry", [])}


def of_kind(bundle: Resource, kind: str) -> list[dict[str, Any]]:
    """The resources of one type, in their order."""
    return [each for each in resources(bundle).values() if each["resourceType"] == kind]


def references(value: Any) -> Iterator[str]:
    """Every literal reference of a resource."""
    if isinstance(value, list):
        for each in value:
            yield from references(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key == "reference" and isinstance(each, str):
                yield each
            else:
                yield from references(each)


def dangling(resource: Resource, addresses: Iterable[str]) -> list[str]:
    """References of a resource that lead to nothing in its bundle."""
    contained = {f"#{each['id']}" for each in resource.get("contained", ())}
    return [each for each in references(resource) if each not in contained and each not in addresses]


def elements_of(resource: Resource) -> set[Any]:
    """What tells one resource from another to who knows no invariants: each element, and each code of its own."""
    kind = resource["resourceType"]
    return {(kind, each) for each in (*_paths(resource, ""), *_codes(resource))}


def _codes(resource: Resource) -> list[str]:
    return [f"{name} {resource[name]}" for name in _CODED if name in resource]


def _is_new(features: set[Any], seen: set[Any] | None) -> bool:
    if seen is None:
        return True
    is_new = not features <= seen
    seen |= features
    return is_new


def _paths(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _paths(each, path)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key == "url" and isinstance(each, str):
                yield f"{path} {each}"
            yield from _paths(each, f"{path}.{key}")
    else:
        yield path


def _without_content(bundle: Resource) -> Resource:
    """What the invariants of a bundle look at: nothing inside of its resources."""
    outside = [
        {**entry, "resource": {"resourceType": entry["resource"]["resourceType"]}}
        for entry in bundle.get("entry", [])
    ]
    return {**bundle, "entry": outside} if outside else bundle


def _addresses(bundle: Resource) -> Iterator[str]:
    entries = bundle.get("entry", [])
    if len(resources(bundle)) != len(entries):
        yield "Bundle: two resources have one address"
    for entry in entries:
        named = (entry["resource"]["resourceType"], entry["resource"].get("id", ""))
        if not entry["fullUrl"].startswith("urn:uuid:") and not entry["fullUrl"].endswith("/".join(named)):
            yield f"Bundle: {entry['fullUrl']} is no address of {named}"


def codings(value: Any) -> Iterator[Resource]:
    """Every code that stands in a concept."""
    if isinstance(value, list):
        for each in value:
            yield from codings(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key == "coding":
                yield from each
            yield from codings(each)
