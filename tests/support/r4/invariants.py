"""Invariants of R4 and of the UK Core profiles, in FHIRPath as they are published, and what they leave to words.

FHIRPath knows no comparators: to it `<5 mg` equals `5 mg`. So nothing here compares amounts; what does stands in
`structure.py` and in the tests. Two invariants that are published cannot be used. con-3 of R4 compares a
CodeableConcept with a text; its meaning is written out here. ukcore-diag-lab-002 of UK Core 2.6.0 demands exactly one of
two elements where its words say at most one, in an expression that no grammar of FHIRPath takes; we write neither.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import fhirpathpy
import orjson
from fhirpathpy.models import models

Resource = Mapping[str, Any]
TERMS = "http://terminology.hl7.org/CodeSystem"

INVARIANTS: Mapping[str, Mapping[str, str]] = {
    "AllergyIntolerance": {
        "ait-1": f"verificationStatus.coding.where(system = '{TERMS}/allergyintolerance-verification' and code = "
        "'entered-in-error').exists() or clinicalStatus.exists()",
        "ait-2": f"verificationStatus.coding.where(system = '{TERMS}/allergyintolerance-verification' and code = "
        "'entered-in-error').empty() or clinicalStatus.empty()",
        "required binding of clinicalStatus": f"clinicalStatus.coding.where(system = '{TERMS}/allergyintolerance-clinical' and "
        "(code = 'active' or code = 'inactive' or code = 'resolved')).exists() or clinicalStatus.coding.empty()",
        "required binding of verificationStatus": "verificationStatus.coding.where(system = "
        f"'{TERMS}/allergyintolerance-verification' and (code = 'unconfirmed' or code = 'confirmed' or code = 'refuted' or "
        "code = 'entered-in-error')).exists() or verificationStatus.coding.empty()",
    },
    "Condition": {
        "con-2": "evidence.where(code.empty() and detail.empty()).empty()",
        "con-3": "clinicalStatus.exists() or verificationStatus.coding.where(code = 'entered-in-error').exists() or "
        "category.coding.where(code = 'problem-list-item').empty()",
        "con-4": f"abatement.empty() or clinicalStatus.coding.where(system='{TERMS}/condition-clinical' and "
        "(code='resolved' or code='remission' or code='inactive')).exists()",
        "con-5": f"verificationStatus.coding.where(system='{TERMS}/condition-ver-status' and "
        "code='entered-in-error').empty() or clinicalStatus.empty()",
        "required binding of clinicalStatus": f"clinicalStatus.coding.where(system = '{TERMS}/condition-clinical' and "
        "(code = 'active' or code = 'recurrence' or code = 'relapse' or code = 'inactive' or code = 'remission' or "
        "code = 'resolved')).exists() or clinicalStatus.coding.empty()",
        "required binding of verificationStatus": "verificationStatus.coding.where(system = "
        f"'{TERMS}/condition-ver-status' and (code = 'unconfirmed' or code = 'provisional' or code = 'differential' or code = "
        "'confirmed' or code = 'refuted' or code = 'entered-in-error')).exists() or verificationStatus.coding.empty()",
    },
    "DiagnosticReport": {},
    "DocumentReference": {"one attachment each": "content.where(attachment.empty()).empty()"},
    "Encounter": {"class": "class.exists()"},
    "Immunization": {
        "ukcore-imm-1": "status = 'not-done' implies statusReason.exists()",
        # To fhirpathpy a code with an extension beside it equals nothing; inside of `where` it does.
        "a reason only where it was not given": "statusReason.empty() or status.where($this = 'not-done').exists()",
        "UK Core route": "route.coding.where(system != 'http://snomed.info/sct' or code.empty() or display.empty()).empty()",
    },
    "List": {
        "lst-1": "emptyReason.empty() or entry.empty()",
        "lst-2": "mode = 'changes' or entry.deleted.empty()",
        "lst-3": "mode = 'working' or entry.date.empty()",
    },
    "Observation": {
        "obs-3": "referenceRange.where((low.exists() or high.exists() or text.exists()).not()).empty()",
        "obs-6": "dataAbsentReason.empty() or value.empty()",
        "obs-7": "value.empty() or component.code.where(coding.intersect(%resource.code.coding).exists()).empty()",
    },
    "Organization": {"org-1": "(identifier.count() + name.count()) > 0"},
    "Patient": {
        "pat-1": "contact.where((name.exists() or telecom.exists() or address.exists()).not()).empty()"
    },
    "ServiceRequest": {"prr-1": "orderDetail.empty() or code.exists()"},
}
EVERY_RESOURCE: Mapping[str, str] = {
    "dom-2": "contained.contained.empty()",
    "dom-5": "contained.meta.security.empty()",
    "a profile": "meta.profile.exists()",
    "an address": "id.exists()",
}
BUNDLE: Mapping[str, str] = {
    "bdl-1": "total.empty() or (type = 'searchset') or (type = 'history')",
    "bdl-2": "entry.search.empty() or (type = 'searchset')",
    "bdl-3": "entry.request.empty() or type = 'batch' or type = 'transaction' or type = 'history'",
    "bdl-5": "entry.where((resource.exists() or request.exists() or response.exists()).not()).empty()",
    "bdl-7": "(type = 'history') or entry.where(fullUrl.exists()).select(fullUrl & resource.meta.versionId).isDistinct()",
    "bdl-8": "entry.where(fullUrl.contains('/_history/')).empty()",
    "a collection": "type = 'collection' and timestamp.exists()",
}


def invariant_faults(resource: Resource) -> list[str]:
    """The invariants that a resource of a bundle, or the bundle, breaks."""
    kind = resource["resourceType"]
    rules = BUNDLE if kind == "Bundle" else {**EVERY_RESOURCE, **INVARIANTS.get(kind, {})}
    looked_at = _copy(resource)  # looking marks what is looked at
    found = {key: _looked(rule)(looked_at, {"resource": looked_at}) for key, rule in rules.items()}
    return [f"{kind}: {key}" for key, holds in found.items() if holds != [True]]


def _copy(resource: Resource) -> Resource:
    found: Resource = orjson.loads(orjson.dumps(resource))
    return found


@cache
def _looked(rule: str) -> Callable[[Resource, Resource], list[Any]]:
    return fhirpathpy.compile(rule, models["r4"])
