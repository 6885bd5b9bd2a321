"""What is known about documents to DocumentReference of R4.

A document that cannot be asked for has no address here, and says why; it is told of all the same (DO-025).
"""

from collections.abc import Sequence
from typing import Final

from bridge.renderings.fhir_r4.common import (
    Resource,
    absent,
    add_extension,
    concept,
    concept_of,
    identifiers,
    put_date,
    put_uri,
)
from bridge.renderings.fhir_r4.items import Told, as_sent, link, links, put_instant, start, state
from bridge.renderings.fhir_r4.scope import PARTIES, R4Scope
from bridge.renderings.fhir_r4.uk_core import ACT_CODE
from bridge.renderings.rendering import Lost

_STATUSES: Final = frozenset({"current", "superseded", "entered-in-error"})
_NOT_FOR_PATIENT: Final = "NOPAT"

LOSSES: Final[Sequence[Lost]] = (
    Lost("documents.items.origin", "It follows from author and custodian."),
    Lost("documents.items.location", "Of a document that cannot be asked for no address stands here."),
    Lost("documents.items.other_attachments.location", "As of the document."),
    Lost("documents.items.retrievable", "One with an address may be asked for."),
    Lost("documents.items.other_attachments.retrievable", "One with an address may be asked for."),
)


def resources(items: Sequence[Told], scope: R4Scope) -> list[Resource]:
    """A DocumentReference for each item, in their order."""
    return [_document_reference(scope, item) for item in items]


def _document_reference(scope: R4Scope, item: Told) -> Resource:
    resource = start(scope, "DocumentReference", item)
    if "version_identifier" in item:
        [resource["masterIdentifier"]] = identifiers([item["version_identifier"]])
    status = state(item, "current")
    if status in _STATUSES:
        resource["status"] = status
    else:
        resource["_status"] = absent("unknown")
        if status is not None:
            add_extension(resource["_status"], as_sent(status))
    resource["type"] = concept(item["type"], scope.profile)
    resource["subject"] = scope.patient
    put_instant(resource, "date", item.get("indexed_at"))
    authors = [item[name] for name in ("author",) if name in item] + item.get("other_authors", [])
    if authors:
        resource["author"] = [scope.party(each, PARTIES) for each in authors]
    if "custodian" in item:
        resource["custodian"] = scope.party(item["custodian"], {"Organization"})
    if "description" in item:
        resource["description"] = item["description"]
    labels = [*item["document_labels"]]
    if item["not_for_patient"] and _NOT_FOR_PATIENT not in labels:
        labels.append(_NOT_FOR_PATIENT)
    if labels:
        resource["securityLabel"] = [concept_of(ACT_CODE, each) for each in labels]
    attachments = [item, *item.get("other_attachments", ())]
    resource["content"] = [{"attachment": _attachment(each)} for each in attachments]
    if context := _context(scope, item):
        resource["context"] = context
    return resource


def _attachment(item: Told) -> Resource:
    """An attachment; `created_at` is of the document, which is its first."""
    attachment: Resource = {}
    if "content_type" in item:
        attachment["contentType"] = item["content_type"]
    if item["retrievable"]:
        put_uri(attachment, "url", item["location"])
    else:
        attachment["_url"] = absent("unsupported")
    if item.get("size_bytes", 0) > 0:
        attachment["size"] = item["size_bytes"]
    if said := [item[name] for name in ("title", "unavailable_reason") if name in item]:
        attachment["title"] = "; ".join(said)
    put_date(attachment, "creation", item.get("created_at"))
    return attachment


def _context(scope: R4Scope, item: Told) -> Resource:
    context: Resource = {}
    if "consultation" in item:
        context["encounter"] = [link(scope, item["consultation"], {"Encounter"})]
    if "practice_setting" in item:
        context["practiceSetting"] = concept(item["practice_setting"], scope.profile)
    if item["related"]:
        context["related"] = links(scope, item["related"])
    return context
