"""DocumentReference to `Document`, and the answer to a search for documents. Pure; nothing raises.

A structured record has DocumentReferences too: both are read by `read_document`.
Source: CareConnect-GPC-DocumentReference-1; Access Document, search for documents.
"""

from collections.abc import Iterator
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from bridge.fhir.index import index_bundle
from bridge.fhir.parsing import Parsed
from bridge.fhir.read import NOTHING, Item, JsonObject
from bridge.mapping.asked import Asked, Source
from bridge.mapping.bounds import check_entries
from bridge.mapping.coded import coded_text
from bridge.mapping.identity import identify
from bridge.mapping.items import newest_first, read_items
from bridge.mapping.modifiers import modifiers_in, note_modifiers
from bridge.mapping.provenance import item_id, provenance
from bridge.mapping.reading import MALFORMED, Reading
from bridge.mapping.set_aside import note_set_aside
from bridge.record.common import BusinessId, Party
from bridge.record.documents import Attachment, Document, DocumentOrigin, DocumentsSearched, FoundDocuments
from bridge.record.retrieval import SCHEMA_VERSION, SOURCE_LABEL

NOT_FOR_PATIENT: Final = "NOPAT"
_AREA: Final = "documents"
_SET_ASIDE: Final = frozenset({"docStatus", "class", "authenticator", "relatesTo"})
_SET_ASIDE_OF_ATTACHMENT: Final = frozenset({"data"})
_CONTEXT: Final = frozenset(
    {"Patient", "Practitioner", "PractitionerRole", "Organization", "OperationOutcome"}
)
_NO_DOCUMENT: Final = "The type of resource is not one that a search for documents brings."


def read_document(reading: Reading, item: Item) -> Document:
    """One DocumentReference, with whatever is wrong in it noted."""
    resource = item.resource
    first, *others = [*_attachments(item)] or [NOTHING]
    authors = reading.parties.each(item, resource.get("author"), "author")
    custodian = reading.parties.party(item, resource.get("custodian"), "custodian")
    origin = provenance(reading, item, author=authors[0] if authors else None)
    labels = _labels(item)
    document: Document = {
        "retrievable": False,
        "item_id": item_id(item, origin["business_ids"]),
        "type": coded_text(item, resource.get("type"), "type"),
        "origin": _origin(authors, custodian),
        "not_for_patient": NOT_FOR_PATIENT in {*labels, *origin["security_labels"]},
        "document_labels": labels,
        "related": [],
        "issue_codes": [],
        "provenance": origin,
    }
    _describe(item, document, first)
    if others:
        item.note("extra_attachment", "content")
        document["other_attachments"] = [_attachment(item, sent) for sent in others]
    if authors:
        document["author"] = authors[0]
    if authors[1:]:
        document["other_authors"] = authors[1:]
    if custodian is not None:
        document["custodian"] = custodian
    _add_status(item, document)
    _add_words(item, document)
    _add_context(reading, item, document)
    if item.extensions(resource):
        item.note("unknown_extension", "extension")
    note_modifiers(reading, item)
    document["issue_codes"] = item.codes()
    note_set_aside(item, resource, _SET_ASIDE)
    return document


def read_documents(reading: Reading) -> list[Document]:
    """Every document that the bundle tells of; the newest first, by when it was written, else filed."""
    found = read_items(reading, "DocumentReference", _AREA, read_document)
    return newest_first(found, lambda each: each.get("created_at") or each.get("indexed_at"))


def map_documents(
    parsed: Parsed, *, asked: Asked, source: Source, searched: DocumentsSearched
) -> FoundDocuments:
    """Map the answer to a search.

    Args:
        parsed: the answer, a Bundle.
        asked: the details to compare with (DO-023).
        source: where and when it was had.
        searched: what it was narrowed by.

    Raises:
        ResponseInvalid: it has more entries than any answer.
    """
    bundle: JsonObject = parsed.content
    check_entries(bundle, source.body_sha256)
    index = index_bundle(bundle, by_full_url=True)
    reading = Reading(index, asked, source, identify(index, asked))
    identity = reading.identity
    for code in parsed.issues:
        reading.report(code)
    for path in identity.conflicts:
        reading.report("patient_conflict", identity.ref, path)
    documents = read_documents(reading)
    reading.links.fill_in({each["provenance"]["source_ref"]: [each["item_id"]] for each in documents})
    _note_patient_and_bundle(reading, bundle)
    aside = _set_aside_others(reading)
    mapped = len(documents)
    received_entries = len(index.received) + len(index.malformed)
    found: FoundDocuments = {
        "schema_version": SCHEMA_VERSION,
        "snapshot_id": _snapshot_id(documents, source),
        "source_label": SOURCE_LABEL,
        "retrieved_at": source.retrieved_at,
        "source_hash": f"sha256:{source.body_sha256}",
        "holder_ods": reading.holder_ods or "",
        "nhs_number": identity.nhs_number or identity.expected_number or "",
        "demographics": identity.check,
        "searched": searched,
        "documents": documents,
        "unmapped": reading.unmapped,
        "issues": reading.issues,
        "accounting": {
            "received": received_entries,
            "mapped": mapped,
            "context": received_entries - mapped - aside,
            "not_requested": 0,
            "unmapped": aside,
        },
    }
    if source.patient_key is not None:
        found["patient_key"] = source.patient_key
    if asked.superseded_nhs_number is not None:
        found["superseded_nhs_number"] = asked.superseded_nhs_number
    if source.version is not None:
        found["spec_version"] = source.version
    for copy in index.resources("Patient"):
        patient = Item(copy.resource, copy.ref)
        died = patient.date(patient.resource.get("deceasedDateTime"), "deceasedDateTime")
        if died is not None and copy.ref in identity.own_refs:
            found["patient_deceased_at"] = died
    return found


def _attachments(item: Item) -> Iterator[JsonObject]:
    for content in item.many(item.resource.get("content"), "content"):
        sent = item.one(content.get("attachment"), "content.attachment")
        note_set_aside(item, sent, _SET_ASIDE_OF_ATTACHMENT, "content.attachment.")
        yield sent


def _attachment(item: Item, sent: JsonObject) -> Attachment:
    attachment: Attachment = {"retrievable": False}
    _describe(item, attachment, sent)
    return attachment


def _describe(item: Item, attachment: Attachment, sent: JsonObject) -> None:
    """Where a document is: without an address it is a placeholder, and its title says why (DO-025)."""
    path = "content.attachment"
    location = item.code(sent.get("url"), path)
    if location is not None:
        attachment["retrievable"] = _is_address(location)
        attachment["location"] = location
    if (title := item.text(sent.get("title"), path)) is not None:
        if attachment["retrievable"]:
            attachment["title"] = title
        else:
            attachment["unavailable_reason"] = title
    if (content_type := item.code(sent.get("contentType"), path)) is not None:
        attachment["content_type"] = content_type
    size = item.whole_number(sent.get("size"), path)
    if size is not None and size >= 0:
        attachment["size_bytes"] = size


def _is_address(location: str) -> bool:
    return location.casefold().startswith(("https://", "http://"))


def _labels(item: Item) -> list[str]:
    """Codes of the labels of the document itself, whichever of their codings has them."""
    concepts = item.many(item.resource.get("securityLabel"), "securityLabel")
    codings = (coding for concept in concepts for coding in item.many(concept.get("coding"), "securityLabel"))
    found = (item.code(coding.get("code"), "securityLabel") for coding in codings)
    return list(dict.fromkeys(code for code in found if code is not None))


def _origin(authors: list[Party], custodian: Party | None) -> DocumentOrigin:
    """Whether the organisation that keeps a document wrote it (documents §3)."""
    if len(authors) != 1 or custodian is None:
        return "unknown"
    author = authors[0]
    if author["kind"] == "organisation" and author.get("ref") and author.get("ref") == custodian.get("ref"):
        return "internal"
    codes = author.get("organisation_ods"), custodian.get("organisation_ods")
    if None in codes:
        return "unknown"
    return "internal" if codes[0] == codes[1] else "external"


def _add_status(item: Item, document: Document) -> None:
    status = item.code(item.resource.get("status"), "status")
    if status == "current":
        return
    item.note("unknown_status", "status")
    if status is not None:
        document["source_status"] = status
        document["retrievable"] = False


def _add_words(item: Item, document: Document) -> None:
    resource = item.resource
    if (description := item.text(resource.get("description"), "description")) is not None:
        document["description"] = description
    if (created := item.date(resource.get("created"), "created")) is not None:
        document["created_at"] = created
    if (indexed := item.date(resource.get("indexed"), "indexed")) is not None:
        document["indexed_at"] = indexed
    version = item.one(resource.get("masterIdentifier"), "masterIdentifier")
    if (value := item.code(version.get("value"), "masterIdentifier")) is not None:
        identifier: BusinessId = {"value": value}
        if (system := item.code(version.get("system"), "masterIdentifier")) is not None:
            identifier["system"] = system
        document["version_identifier"] = identifier


def _add_context(reading: Reading, item: Item, document: Document) -> None:
    context = item.one(item.resource.get("context"), "context")
    if "encounter" in context:
        consultation = reading.links.one(item, context["encounter"], "context.encounter")
        if consultation is not None:
            document["consultation"] = consultation
    if "practiceSetting" in context:
        setting = coded_text(item, context["practiceSetting"], "context.practiceSetting")
        document["practice_setting"] = setting
    for related in item.many(context.get("related"), "context.related"):
        # A Reference where FHIR has an element that holds one is read as well.
        link = reading.links.one(item, related.get("ref", related), "context.related")
        if link is not None:
            document["related"].append(link)
    note_set_aside(item, context, frozenset({"sourcePatientInfo"}), "context.")


def _note_patient_and_bundle(reading: Reading, bundle: JsonObject) -> None:
    """What may change the meaning of the patient, or of the whole answer, calls for a person."""
    if not reading.source.may_hold_modifiers:
        return
    own = {name: value for name, value in bundle.items() if name != "entry"}
    parts: list[tuple[str | None, JsonObject]] = [(None, own)]
    if reading.identity.patient is not None:
        parts.append((reading.identity.patient.ref, reading.identity.patient.resource))
    found = [(code, ref, path) for ref, part in parts for code, path in modifiers_in(part)]
    for each in found:
        reading.report(*each)
    check = reading.identity.check
    if found and check["verdict"] == "accept":
        check["verdict"] = "review"


def _set_aside_others(reading: Reading) -> int:
    """List what is neither a document nor anybody it names; how many entries are set aside in all."""
    for received in reading.index.received:
        is_known = received.kind in _CONTEXT or received.kind == "DocumentReference"
        if not is_known and id(received.resource) not in reading.aside:
            reading.set_aside(received, "unsupported", _NO_DOCUMENT, None)
    for _ in reading.index.malformed:
        reading.unmapped.append({"source_ref": "entry", "reason": "malformed", "detail": MALFORMED})
    return len(reading.unmapped)


def _snapshot_id(documents: list[Document], source: Source) -> str:
    hashes = sorted(each["provenance"]["content_hash"] for each in documents)
    return str(uuid5(NAMESPACE_URL, "|".join((source.request_id, source.holder_ods or "", *hashes))))
