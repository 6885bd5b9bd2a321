"""What all requests to ServiceRequest of R4 share, and the one that stands behind a report of a laboratory.

`intent` tells requests apart: a plan is not done, an order was given.
"""

from collections.abc import Mapping
from typing import Final

from bridge.renderings.fhir_r4.common import Resource, annotations, concept, put, put_date
from bridge.renderings.fhir_r4.items import Told, link, links, put_status, start
from bridge.renderings.fhir_r4.scope import PARTIES, R4Scope

PERFORMERS: Final = PARTIES | {"HealthcareService"}
_STATUSES: Final = frozenset(
    {"draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown"}
)
_RENAMED: Final[Mapping[str, str]] = {"suspended": "on-hold", "cancelled": "revoked"}
"""States of STU3 that R4 calls otherwise."""
_REASONS: Final = frozenset({"Condition", "Observation", "DiagnosticReport", "DocumentReference"})


def laboratory_request(scope: R4Scope, item: Told) -> Resource:
    """A ServiceRequest for an `InvestigationRequest` of the record."""
    resource = start(scope, "ServiceRequest", item)
    put_request_status(resource, item.get("status"))
    resource["intent"] = "order"
    add_shared(scope, resource, item)
    if item["reason"]:
        resource["reasonCode"] = [concept(each, scope.profile) for each in item["reason"]]
    if item["reason_items"]:
        resource["reasonReference"] = links(scope, item["reason_items"], _REASONS)
    put_date(resource, "authoredOn", item.get("requested_at"))
    if "performer" in item:
        resource["performer"] = [scope.party(item["performer"], PERFORMERS)]
    put(resource, note=annotations(item["notes"]))
    return resource


def add_shared(scope: R4Scope, resource: Resource, item: Told) -> None:
    """About whom, in which consultation, by whom, and what belongs to it."""
    if "do_not_perform" in item:
        resource["doNotPerform"] = item["do_not_perform"]
    if "code" in item:
        resource["code"] = concept(item["code"], scope.profile)
    resource["subject"] = scope.patient
    if "consultation" in item:
        resource["encounter"] = link(scope, item["consultation"], {"Encounter"})
    if "requester" in item:
        resource["requester"] = scope.party(item["requester"], PARTIES)
    if item.get("documents"):
        resource["supportingInfo"] = links(scope, item["documents"])


def put_request_status(resource: Resource, sent: str | None) -> None:
    """Set the state of a request, as R4 calls it; see `put_status`."""
    put_status(resource, _RENAMED.get(sent or "", sent), _STATUSES)
