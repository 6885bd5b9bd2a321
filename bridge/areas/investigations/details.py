"""The specimens of a report, and the request behind it: a ProcedureRequest that is no plan (digest §5.5)."""

from typing import Final

from bridge.areas.investigations.model import InvestigationRequest, Specimen
from bridge.fhir.read import NOTHING, Item, JsonObject, extension_value
from bridge.mapping.coded import coded_text, concepts, words
from bridge.mapping.modifiers import note_modifiers
from bridge.mapping.provenance import security_labels
from bridge.mapping.reading import Reading
from bridge.mapping.set_aside import note_set_aside
from bridge.mapping.values import business_ids, notes, period, simple_quantity

_FASTING: Final = "fastingstatus"
_OF_SPECIMEN: Final = frozenset({"container", "parent", "processing", "request", "treatment"})
_OF_REQUEST: Final = frozenset(
    {
        "asNeededBoolean",
        "asNeededCodeableConcept",
        "bodySite",
        "occurrenceDateTime",
        "occurrencePeriod",
        "occurrenceTiming",
        "priority",
        "relevantHistory",
        "replaces",
        "specimen",
        "supportingInfo",
    }
)


def read_specimen(reading: Reading, item: Item) -> Specimen:
    """One Specimen."""
    resource = item.resource
    specimen: Specimen = {
        "source_ref": item.ref,
        "business_ids": business_ids(item),
        "notes": notes(item, resource.get("note")),
        "security_labels": security_labels(item),
        "issue_codes": [],
    }
    number = item.one(resource.get("accessionIdentifier"), "accessionIdentifier").get("value")
    if (accession := item.code(number, "accessionIdentifier")) is not None:
        specimen["accession"] = accession
    if (status := item.code(resource.get("status"), "status")) is not None:
        specimen["status"] = status
    if "type" in resource:
        specimen["type"] = coded_text(item, resource["type"], "type")
    if (received := item.date(resource.get("receivedTime"), "receivedTime")) is not None:
        specimen["received_at"] = received
    collection = item.one(resource.get("collection"), "collection")
    if collection:
        _add_collection(reading, item, collection, specimen)
    for holder in (resource, collection):
        named = item.extensions(holder)
        for extension in named.get(_FASTING, ()):
            _add_fasting(item, extension_value(extension), specimen)
        if named.keys() - {_FASTING}:
            item.note("unknown_extension", "extension")
    note_set_aside(item, resource, _OF_SPECIMEN)
    note_modifiers(reading, item)
    specimen["issue_codes"] = item.codes()
    return specimen


def _add_collection(reading: Reading, item: Item, collection: JsonObject, specimen: Specimen) -> None:
    start, end = period(item, collection.get("collectedPeriod"), "collection.collectedPeriod")
    start = item.date(collection.get("collectedDateTime"), "collection.collectedDateTime") or start
    if start is not None:
        specimen["collected"] = start
    if end is not None:
        specimen["collected_to"] = end
    collector = reading.parties.party(item, collection.get("collector"), "collection.collector")
    if collector is not None:
        specimen["collector"] = collector
    sent = item.one(collection.get("quantity"), "collection.quantity")
    if sent and (quantity := simple_quantity(item, sent, "collection.quantity")):
        specimen["quantity"] = quantity
    if "bodySite" in collection:
        specimen["body_site"] = coded_text(item, collection["bodySite"], "collection.bodySite")
    if "method" in collection:
        specimen["method"] = coded_text(item, collection["method"], "collection.method")


def _add_fasting(item: Item, sent: object, specimen: Specimen) -> None:
    """A concept, a duration, or the bare code of EDIFACT: `F`."""
    if type(sent) is not dict:
        if (code := item.code(sent, "extension.fastingStatus")) is not None:
            specimen["fasting"] = words(code)
    elif "value" in sent or "unit" in sent:
        if duration := simple_quantity(item, sent, "extension.fastingStatus"):
            specimen["fasted_for"] = duration
    else:
        specimen["fasting"] = coded_text(item, sent, "extension.fastingStatus")


def read_request(reading: Reading, item: Item) -> InvestigationRequest:
    """One ProcedureRequest that is no plan."""
    resource = item.resource
    request: InvestigationRequest = {
        "source_ref": item.ref,
        "business_ids": business_ids(item),
        "code": coded_text(item, resource.get("code"), "code"),
        "reason": concepts(item, resource.get("reasonCode"), "reasonCode"),
        "reason_items": reading.links.many(item, resource.get("reasonReference"), "reasonReference"),
        "notes": notes(item, resource.get("note")),
        "security_labels": security_labels(item),
        "issue_codes": [],
    }
    if (status := item.code(resource.get("status"), "status")) is not None:
        request["status"] = status
    if item.flag(resource.get("doNotPerform"), "doNotPerform"):
        # GP Connect does not use it; but "do not" must never read like "do".
        request["do_not_perform"] = True
        item.note("element_not_in_profile", "doNotPerform")
    if (authored := item.date(resource.get("authoredOn"), "authoredOn")) is not None:
        request["requested_at"] = authored
    sent = item.one(resource.get("requester"), "requester") if "requester" in resource else NOTHING
    requester = reading.parties.party(item, sent.get("agent"), "requester.agent")
    if "onBehalfOf" in sent:
        requester = reading.parties.on_behalf_of(item, requester, sent["onBehalfOf"], "requester.onBehalfOf")
    if requester is not None:
        request["requester"] = requester
    performer = reading.parties.party(item, resource.get("performer"), "performer")
    if performer is not None:
        request["performer"] = performer
    if "extension" in resource:
        item.note("unknown_extension", "extension")
    note_set_aside(item, resource, _OF_REQUEST)
    note_modifiers(reading, item)
    request["issue_codes"] = item.codes()
    return request
