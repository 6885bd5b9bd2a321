"""Diary entries to ServiceRequest of R4 with the intent `plan`: not done, whatever the code says."""

from collections.abc import Sequence
from typing import Final

from bridge.renderings.fhir_r4.common import Resource, annotations, concept, put, put_date
from bridge.renderings.fhir_r4.items import Told, put_period, start, state
from bridge.renderings.fhir_r4.scope import R4Scope
from bridge.renderings.fhir_r4.service_requests import add_shared, put_request_status
from bridge.renderings.rendering import Lost

LOSSES: Final[Sequence[Lost]] = (
    Lost("diary_entries.items.meaning", "The same of all: R4 says it with the intent `plan`."),
    Lost(
        "diary_entries.items.originated_at",
        "The date of its consultation where that was sent, else that of its entry: both are there.",
    ),
)


def resources(items: Sequence[Told], scope: R4Scope) -> list[Resource]:
    """A ServiceRequest for each item, in their order."""
    return [_diary_entry(scope, item) for item in items]


def _diary_entry(scope: R4Scope, item: Told) -> Resource:
    resource = start(scope, "ServiceRequest", item)
    put_request_status(resource, state(item, "active"))
    resource["intent"] = "plan"
    add_shared(scope, resource, item)
    due = item.get("due", {})
    if "to" in due:
        put_period(resource, "occurrencePeriod", due.get("from"), due["to"])
    else:
        put_date(resource, "occurrenceDateTime", due.get("from"))
    put_date(resource, "authoredOn", item.get("entered_at"))
    if item["reasons"]:
        resource["reasonCode"] = [concept(each, scope.profile) for each in item["reasons"]]
    put(resource, note=annotations(item["notes"]))
    return resource
