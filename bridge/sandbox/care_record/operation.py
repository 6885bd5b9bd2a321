"""Access Record HTML at a practice: a section of the care record in a DSTU2 Bundle (carerecord_html.md)."""

import json
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from bridge.sandbox.care_record.cases import page_of
from bridge.sandbox.care_record.pages import render
from bridge.sandbox.care_record.query import NHS_NUMBER, SECTION, SectionQuery, read_section_query
from bridge.sandbox.control.board import FaultBoard
from bridge.sandbox.control.calls import Call
from bridge.sandbox.control.faults import INSTEAD_OF_WORK, FaultKind
from bridge.sandbox.outcomes import FHIR_JSON_0, Refusal, spoil
from bridge.sandbox.people import Person
from bridge.sandbox.scenario import Scenario
from bridge.sandbox.scenarios import BY_NUMBER, SCENARIOS
from bridge.sandbox.spine.tokens_dstu2 import check_requested_record
from bridge.sandbox.web import Reply
from bridge.sandbox.world import Practice

Json = dict[str, Any]

VERSION = "0.7.4"
_ODS = "http://fhir.nhs.net/Id/ods-organization-code"
_SDS_USER = "http://fhir.nhs.net/Id/sds-user-id"
_PROFILE = "http://fhir.nhs.net/StructureDefinition/gpconnect-"
_HEADERS = {"content-type": f"{FHIR_JSON_0};charset=utf-8"}


class CareRecords:
    """The care records that the practices hold: every scenario patient's who is registered with one.

    Args:
        faults: by NHS number and section (``9990000018/ENC``), NHS number, practice.
    """

    def __init__(self, faults: FaultBoard) -> None:
        self._faults = faults

    def answer(self, body: Any, call: Call, practice: Practice) -> Reply:
        """Answer one request whose headers and token are in order.

        Raises:
            Refusal, BadToken: a rule is broken, or there is no record to give.
        """
        query = read_section_query(body, period_status=400 if practice.version.startswith("1.2") else 422)
        call.nhs_number = query.nhs_number
        number = query.nhs_number
        if call.claims is not None:
            check_requested_record(call.claims, nhs_number=number)
        keys = (f"{number}/{query.section}", number, practice.ods)
        fault = self._faults.take("practice", *keys, operation="care_record")
        if fault and fault.kind in INSTEAD_OF_WORK:
            return spoil(Reply(500), fault, version=VERSION)
        scenario = _registered(number, practice)
        if fault and fault.kind is FaultKind.OTHER_PATIENT:
            scenario = next(one for one in SCENARIOS if one.nhs_number != number)
        reply = Reply(200, json.dumps(bundle(scenario, query)).encode(), dict(_HEADERS))
        return spoil(reply, fault, version=VERSION) if fault else reply


def _registered(number: str, practice: Practice) -> Scenario:
    scenario = BY_NUMBER.get(number)
    if scenario is None or scenario.case is None:
        raise Refusal("PATIENT_NOT_FOUND", "no active record for this patient at this practice")
    if scenario.practice.ods != practice.ods:
        raise Refusal("NON_AUTHORITATIVE", "the patient is registered at another practice")
    return scenario


def bundle(scenario: Scenario, query: SectionQuery) -> Json:
    """The answer: who made what about whom, and the section."""
    page, case = page_of(scenario.name, query.section)
    resources = [
        _composition(page.title, query.section, render(page, query, case.style)),
        _patient(scenario),
        _resource("Organization", "1", "organization-1", name=scenario.practice.name)
        | {"identifier": [{"system": _ODS, "value": scenario.practice.ods}]},
        _practitioner(),
        _device(),
    ]
    found: Json = {
        "resourceType": "Bundle",
        "id": str(uuid5(NAMESPACE_URL, f"{scenario.nhs_number}/{query.section}")),
        "meta": {"profile": [_PROFILE + "searchset-bundle-1"]},
        "type": "searchset",
        "entry": [{"resource": resource} for resource in resources],
    }
    if case.spoil:
        case.spoil(found)
    return found


def conformance(call: Call) -> Reply:
    """What a practice's system says that it can do, in version 0.

    Raises:
        BadToken: it is for something else than the practice.
    """
    if call.claims is not None:
        check_requested_record(call.claims, nhs_number=None)
    return Reply(200, json.dumps(_conformance()).encode(), dict(_HEADERS))


def _conformance() -> Json:
    operation = "http://fhir.nhs.net/OperationDefinition/gpconnect-carerecord-operation-1"
    return {
        "resourceType": "Conformance",
        "version": VERSION,
        "name": "GP Connect",
        "status": "active",
        "date": "2025-11-20",
        "kind": "capability",
        "software": {"name": "Sandbox practice", "version": "1.0.0"},
        "fhirVersion": "1.0.2",
        "acceptUnknown": "both",
        "format": [FHIR_JSON_0],
        "rest": [
            {
                "mode": "server",
                "operation": [{"name": "gpc.getcarerecord", "definition": {"reference": operation}}],
            }
        ],
    }


def _resource(kind: str, identity: str, profile: str, **elements: Any) -> Json:
    meta = {"versionId": "1", "profile": [_PROFILE + profile]}
    return {"resourceType": kind, "id": identity, "meta": meta, **elements}


def _composition(title: str, section: str, markup: str) -> Json:
    coding = {"system": SECTION, "code": section, "display": title}
    return _resource(
        "Composition",
        "1",
        "carerecord-composition-1",
        date="2025-11-20T09:00:00+00:00",
        type={
            "coding": [{"system": "http://snomed.info/sct", "code": "425173008", "display": "record extract"}]
        },
        title="Patient Care Record",
        status="final",
        subject={"reference": "Patient/1"},
        author=[{"reference": "Device/1"}],
        custodian={"reference": "Organization/1"},
        section=[
            {
                "title": title,
                "code": {"coding": [coding], "text": title},
                "text": {"status": "generated", "div": markup},
            }
        ],
    )


def _patient(scenario: Scenario) -> Json:
    held = {**_details(scenario.person), **dict(scenario.at_practice or {})}
    return _resource(
        "Patient",
        "1",
        "patient-1",
        identifier=[{"system": NHS_NUMBER, "value": scenario.nhs_number}],
        name=[
            {
                "use": "official",
                "text": " ".join((*held["given"], held["family"])),
                "family": [held["family"]],
                "given": list(held["given"]),
                **({"prefix": [held["prefix"]]} if held["prefix"] else {}),
            }
        ],
        gender=held["gender"],
        birthDate=held["birth_date"],
        telecom=[{"system": "phone", "use": "home", "value": held["phone"]}],
        address=[
            {
                "use": "home",
                "line": [held["line"]],
                "city": held["city"],
                "district": held["district"],
                "postalCode": held["postcode"],
            }
        ],
        careProvider=[{"reference": "Practitioner/1"}],
        managingOrganization={"reference": "Organization/1"},
    )


def _details(person: Person) -> dict[str, Any]:
    return {name: getattr(person, name) for name in Person.__dataclass_fields__}


def _practitioner() -> Json:
    role = {"system": "http://fhir.nhs.net/ValueSet/sds-job-role-name-1", "code": "R0260"}
    return _resource(
        "Practitioner",
        "1",
        "practitioner-1",
        identifier=[{"system": _SDS_USER, "value": "555021935107"}],
        name={"use": "usual", "family": ["Gilbert"], "given": ["Nichole"], "prefix": ["Dr"]},
        practitionerRole=[
            {
                "managingOrganization": {"reference": "Organization/1"},
                "role": {"coding": [{**role, "display": "General Medical Practitioner"}]},
            }
        ],
    )


def _device() -> Json:
    return _resource(
        "Device",
        "1",
        "device-1",
        identifier=[{"system": "Sandbox practice system", "value": "sandbox"}],
        model="Sandbox practice system",
        version="1.0.0",
        type={"coding": [{"system": "http://snomed.info/sct", "code": "462240000"}]},
    )
