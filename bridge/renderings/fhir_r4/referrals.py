"""Referrals to ServiceRequest of R4.

One records that somebody referred or meant to. GP Connect gives neither its state nor its intent a meaning
(CS-104): both are said to be unknown.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from bridge.fhir.systems import SNOMED, UBRN
from bridge.renderings.fhir_r4.common import (
    Resource,
    absent,
    annotations,
    chosen,
    concept,
    concept_of,
    put,
    put_date,
)
from bridge.renderings.fhir_r4.items import Told, links, note, start
from bridge.renderings.fhir_r4.scope import R4Scope
from bridge.renderings.fhir_r4.service_requests import PERFORMERS, add_shared
from bridge.renderings.rendering import Lost

_PRIORITIES: Final[Mapping[str, str]] = {"routine": "routine", "urgent": "urgent", "two_week_wait": "urgent"}
_CATEGORY: Final = concept_of(SNOMED, "3457005", "Patient referral")
_BASED_ON: Final = frozenset({"ServiceRequest"})

LOSSES: Final[Sequence[Lost]] = ()


def resources(items: Sequence[Told], scope: R4Scope) -> list[Resource]:
    """A ServiceRequest for each item, in their order."""
    return [_referral(scope, item) for item in items]


def _referral(scope: R4Scope, item: Told) -> Resource:
    resource = start(scope, "ServiceRequest", item)
    if "ubrn" in item and item["ubrn"] not in [each["value"] for each in resource["identifier"]]:
        resource["identifier"].append({"system": UBRN[0], "value": item["ubrn"]})
    resource["status"] = "unknown"
    resource["_intent"] = absent("unknown")
    resource["category"] = [_CATEGORY]
    notes = [note(item["description"])] if "description" in item else []
    notes += annotations(item["notes"])
    notes += _add_priority(resource, item)
    services = [concept(each, scope.profile) for each in item["services"]]
    if services:
        resource["code"] = services[0]
    if services[1:]:
        resource["orderDetail"] = services[1:]
    add_shared(scope, resource, item)
    if item["reasons"]:
        resource["reasonCode"] = [concept(each, scope.profile) for each in item["reasons"]]
    put_date(resource, "authoredOn", item.get("referred_at"))
    if item["recipients"]:
        resource["performer"] = [scope.party(each, PERFORMERS) for each in item["recipients"]]
    if "earlier_referrals" in item:
        resource["basedOn"] = links(scope, item["earlier_referrals"], _BASED_ON)
    put(resource, note=notes)
    return resource


def _add_priority(resource: Resource, item: Told) -> Iterator[Resource]:
    """R4 has no wait of two weeks: it is urgent, and said to be of two weeks in a note."""
    priority = item.get("priority")
    put(resource, priority=chosen(_PRIORITIES, priority))
    if priority == "two_week_wait":
        yield note("Priority: two-week wait")
    if "source_priority" in item:
        yield note(f"Priority as sent: {item['source_priority']}")
