"""Documents as DocumentReference and Binary, and the bundle of a search (documents.md §3, §4)."""

import base64
from datetime import datetime, timedelta
from typing import Any

import orjson

from bridge.sandbox.appointments.premises import logical_id
from bridge.sandbox.documents.shelf import LIMIT, FiledDocument, Shelf
from bridge.sandbox.documents.shelves import binary_url, patient_id
from bridge.sandbox.patients import Resident, patient_resource
from bridge.sandbox.practice_sites import PracticeSite
from bridge.sandbox.structured.elements import CODES, PROFILE, coded, ods_identifier

Json = dict[str, Any]

SNOMED = "http://snomed.info/sct"
BUNDLE = "https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-Searchset-Bundle-1"
_NOPAT = {"system": "http://hl7.org/fhir/v3/ActCode", "code": "NOPAT"}
HOSPITAL = ("RZZ01", "Sandbox General Hospital")


def patient(resident: Resident, site: PracticeSite, shelf: Shelf, now: datetime) -> Json:
    """The patient at this server: an id of its own, and the day of death when there is one."""
    found = {**patient_resource(resident, site.premises), "id": patient_id(resident.id)}
    if shelf.died_days_ago is not None:
        died = now - timedelta(days=shelf.died_days_ago)
        found["deceasedDateTime"] = died.replace(microsecond=0).isoformat()
    return found


def reference(document: FiledDocument, resident: Resident, site: PracticeSite, root: str) -> Json:
    """What is said about one document."""
    ods = site.practice.ods
    id_ = logical_id(ods, "document", resident.nhs_number, document.name)
    coding = {"coding": [{"system": SNOMED, "code": document.code, "display": document.type_text}]}
    attachment: Json = {"contentType": document.told_type, "size": document.size}
    if document.unavailable is None:
        attachment["url"] = binary_url(root, ods, resident.nhs_number, document.name)
    else:
        attachment["title"] = document.unavailable
    label = [{"coding": [_NOPAT]}] if "securityLabel" in document.labels else None
    meta: Json = {"versionId": "1", "profile": [f"{PROFILE}CareConnect-GPC-DocumentReference-1"]}
    if "meta" in document.labels:
        meta["security"] = [_NOPAT]
    author = _author(document, site)
    elements: Json = {
        "resourceType": "DocumentReference",
        "id": id_,
        "meta": meta,
        "identifier": [{"system": f"https://{ods.lower()}.example/documents", "value": id_}],
        "status": "current",
        "type": coding if document.code else {"text": document.type_text},
        # Of both kinds of reference, since both must be read (DO-P04).
        "subject": {"reference": f"{root}/Patient/{patient_id(resident.id)}"},
        "created": document.created,
        "indexed": document.indexed,
        "author": [{"reference": author}] if author else None,
        "custodian": _of_practice(site) if document.has_custodian else None,
        "description": document.description,
        "securityLabel": label,
        "content": [{"attachment": attachment}],
    }
    return {name: value for name, value in elements.items() if value is not None}


def _author(document: FiledDocument, site: PracticeSite) -> str | None:
    match document.author:
        case "practice":
            return str(_of_practice(site)["reference"])
        case "hospital":
            return f"Organization/{_hospital(site)['id']}"
        case "gp":
            return f"Practitioner/{site.premises.staff[0].id}"
        case "stranger":
            return f"Organization/{logical_id(site.practice.ods, 'stranger')}"
        case None:
            return None


def author_ods(document: FiledDocument, site: PracticeSite) -> str | None:
    """The ODS code of an organisation that is the author."""
    return {"practice": site.practice.ods, "hospital": HOSPITAL[0]}.get(document.author or "")


def _of_practice(site: PracticeSite) -> Json:
    return {"reference": f"Organization/{site.premises.organisation['id']}"}


def _hospital(site: PracticeSite) -> Json:
    ods, name = HOSPITAL
    return {
        "resourceType": "Organization",
        "id": logical_id(site.practice.ods, "hospital"),
        "meta": {"versionId": "1", "profile": [f"{PROFILE}CareConnect-GPC-Organization-1"]},
        "identifier": ods_identifier(ods),
        "name": name,
    }


def bundle(
    found: list[FiledDocument], whose: Json, resident: Resident, site: PracticeSite, root: str
) -> Json:
    """The whole answer to a search: ``fullUrl`` is absolute, and nothing comes in pages (DO-P04)."""
    gp = site.premises.staff[0]
    role = {
        "resourceType": "PractitionerRole",
        "id": logical_id(site.practice.ods, "role"),
        "meta": {"versionId": "1", "profile": [f"{PROFILE}CareConnect-GPC-PractitionerRole-1"]},
        "practitioner": {"reference": f"Practitioner/{gp.id}"},
        "organization": _of_practice(site),
        "code": [coded(*gp.role, system=CODES + "CareConnect-SDSJobRoleName-1")],
    }
    resources = [
        whose,
        site.premises.organisation,
        site.premises.practitioner(gp),
        role,
        *(reference(one, resident, site, root) for one in found),
        *([_hospital(site)] if any(one.author == "hospital" for one in found) else []),
    ]
    entries = [{"fullUrl": f"{root}/{one['resourceType']}/{one['id']}", "resource": one} for one in resources]
    return {"resourceType": "Bundle", "meta": {"profile": [BUNDLE]}, "type": "searchset", "entry": entries}


def binary(document: FiledDocument, id_: str) -> bytes | None:
    """The document itself as JSON; None when it is not available, whatever is asked."""
    if document.content is None or document.unavailable is not None:
        return None
    content = document.content()
    if document.encode:
        return document.encode(content)
    if len(content) > LIMIT and document.told_size is None:
        return None
    encoded = base64.b64encode(content).decode()
    resource = {"id": id_, "contentType": document.sent_type, "content": encoded}
    return orjson.dumps({"resourceType": "Binary", **resource})
