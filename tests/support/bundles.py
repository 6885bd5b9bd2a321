"""Builders of small, correct structured records, and of one large one.

Every builder takes overrides by FHIR element name; `None` leaves an element out.
"""

import json
from typing import Any

from bridge.fhir.snomed import is_concept_id

NHS_NUMBER = "9990000018"
OTHER_NHS_NUMBER = "9990000026"
ODS = "A99999"
DATA = "https://provider.nhs.uk/data-identifier"
STU3 = "https://fhir.nhs.uk/STU3/StructureDefinition"
SYSTEMS = "https://fhir.nhs.uk/STU3/CodeSystem"
SNOMED = "http://snomed.info/sct"

MEDICATIONS_LIST = "933361000000108"
ALLERGIES_LIST = "886921000000105"
ENDED_LIST = "1103671000000101"

Resource = dict[str, Any]


def built(base: Resource, overrides: Resource) -> Resource:
    return {key: value for key, value in {**base, **overrides}.items() if value is not None}


def reference(target: str) -> Resource:
    return {"reference": target}


def coding(code: str, display: str | None = None, system: str = SNOMED, **more: Any) -> Resource:
    return built({"system": system, "code": code, "display": display}, more)


def concept(code: str, display: str | None = None, system: str = SNOMED, text: str | None = None) -> Resource:
    return built({"coding": [coding(code, display, system)], "text": text}, {})


def extension(name: str, **value: Any) -> Resource:
    return {"url": f"{STU3}/Extension-CareConnect-GPC-{name}-1", **value}


def identifier(value: str, system: str = DATA) -> list[Resource]:
    return [{"system": system, "value": value}]


def profile(name: str) -> Resource:
    return {"profile": [f"{STU3}/CareConnect-GPC-{name}-1"]}


def patient(patient_id: str = "p1", nhs_number: str | None = NHS_NUMBER, **overrides: Any) -> Resource:
    return built(
        {
            "resourceType": "Patient",
            "id": patient_id,
            "meta": profile("Patient"),
            "identifier": identifier(nhs_number, "https://fhir.nhs.uk/Id/nhs-number") if nhs_number else None,
            "active": True,
            "name": [{"use": "official", "family": "Sample", "given": ["Ada", "May"], "prefix": ["Mrs"]}],
            "gender": "female",
            "birthDate": "1950-01-31",
            "generalPractitioner": [reference("Practitioner/dr1")],
            "managingOrganization": reference("Organization/org1"),
        },
        overrides,
    )


def organisation(organisation_id: str = "org1", ods: str = ODS, name: str = "Test Surgery") -> Resource:
    return {
        "resourceType": "Organization",
        "id": organisation_id,
        "meta": profile("Organization"),
        "identifier": identifier(ods, "https://fhir.nhs.uk/Id/ods-organization-code"),
        "name": name,
    }


def practitioner(practitioner_id: str = "dr1", **overrides: Any) -> Resource:
    return built(
        {
            "resourceType": "Practitioner",
            "id": practitioner_id,
            "meta": profile("Practitioner"),
            "identifier": identifier("555021935107", "https://fhir.nhs.uk/Id/sds-user-id"),
            "name": [{"use": "official", "family": "Doe", "given": ["Jo"], "prefix": ["Dr"]}],
        },
        overrides,
    )


def role(role_id: str = "role1", practitioner_id: str = "dr1", **overrides: Any) -> Resource:
    return built(
        {
            "resourceType": "PractitionerRole",
            "id": role_id,
            "practitioner": reference(f"Practitioner/{practitioner_id}"),
            "organization": reference("Organization/org1"),
            "code": [
                concept("R0260", "General Medical Practitioner", f"{SYSTEMS}/CareConnect-SDSJobRoleName-1")
            ],
        },
        overrides,
    )


def medication(medication_id: str = "m1", **overrides: Any) -> Resource:
    return built(
        {
            "resourceType": "Medication",
            "id": medication_id,
            "meta": profile("Medication"),
            "code": concept("323509004", "Amoxicillin 250mg capsules"),
        },
        overrides,
    )


def agency(code: str, text: str | None = None) -> Resource:
    value = concept(code, None, f"{SYSTEMS}/CareConnect-PrescribingAgency-1", text)
    return extension("PrescribingAgency", valueCodeableConcept=value)


def prescription_type(code: str) -> Resource:
    value = concept(code, None, f"{SYSTEMS}/CareConnect-PrescriptionType-1")
    return extension("PrescriptionType", valueCodeableConcept=value)


def repeat_information(**values: Resource) -> Resource:
    return extension(
        "MedicationRepeatInformation", extension=[{"url": url, **value} for url, value in values.items()]
    )


def statement(statement_id: str = "s1", plan_id: str | None = "plan1", **overrides: Any) -> Resource:
    return built(
        {
            "resourceType": "MedicationStatement",
            "id": statement_id,
            "meta": profile("MedicationStatement"),
            "extension": [agency("prescribed-at-gp-practice")],
            "identifier": identifier(f"ms-{statement_id}"),
            "basedOn": [reference(f"MedicationRequest/{plan_id}")] if plan_id else None,
            "status": "active",
            "medicationReference": reference("Medication/m1"),
            "effectivePeriod": {"start": "2026-01-05"},
            "dateAsserted": "2026-01-05",
            "subject": reference("Patient/p1"),
            "taken": "unk",
            "dosage": [{"text": "Take one three times a day"}],
        },
        overrides,
    )


def request(request_id: str, intent: str, **overrides: Any) -> Resource:
    return built(
        {
            "resourceType": "MedicationRequest",
            "id": request_id,
            "meta": profile("MedicationRequest"),
            "extension": [prescription_type("repeat")],
            "identifier": identifier(f"mr-{request_id}"),
            "status": "active" if intent == "plan" else "completed",
            "intent": intent,
            "medicationReference": reference("Medication/m1"),
            "subject": reference("Patient/p1"),
            "authoredOn": "2026-01-05T10:00:00+00:00",
            "requester": {"agent": reference("Practitioner/dr1")},
            "recorder": reference("Practitioner/dr1"),
            "dosageInstruction": [{"text": "Take one three times a day"}],
            "dispenseRequest": {
                "validityPeriod": {"start": "2026-01-05"},
                "quantity": {"value": 21, "unit": "capsule"},
                "expectedSupplyDuration": {
                    "value": 7,
                    "unit": "day",
                    "system": "http://unitsofmeasure.org",
                    "code": "d",
                },
            },
        },
        overrides,
    )


def plan(plan_id: str = "plan1", **overrides: Any) -> Resource:
    return request(plan_id, "plan", **overrides)


def order(order_id: str = "order1", plan_id: str = "plan1", **overrides: Any) -> Resource:
    return request(order_id, "order", **{"basedOn": [reference(f"MedicationRequest/{plan_id}")], **overrides})


def allergy(allergy_id: str = "a1", **overrides: Any) -> Resource:
    return built(
        {
            "resourceType": "AllergyIntolerance",
            "id": allergy_id,
            "meta": profile("AllergyIntolerance"),
            "identifier": identifier(f"ai-{allergy_id}"),
            "clinicalStatus": "active",
            "verificationStatus": "unconfirmed",
            "type": "allergy",
            "category": ["medication"],
            "criticality": "high",
            "code": concept("91936005", "Allergy to penicillin"),
            "patient": reference("Patient/p1"),
            "assertedDate": "2012-05-07T00:00:00+01:00",
            "recorder": reference("Practitioner/dr1"),
            "reaction": [{"manifestation": [concept("247472004", "Weal")], "severity": "moderate"}],
        },
        overrides,
    )


def ended_allergy(allergy_id: str = "a9", **overrides: Any) -> Resource:
    end = extension(
        "AllergyIntoleranceEnd",
        extension=[
            {"url": "endDate", "valueDateTime": "2018-03-01"},
            {"url": "reasonEnded", "valueString": "Tolerated since"},
        ],
    )
    return allergy(allergy_id, **{"clinicalStatus": "resolved", "extension": [end], **overrides})


def record_list(code: str, *targets: str, warnings: tuple[str, ...] = (), **overrides: Any) -> Resource:
    warned = [extension("ListWarningCode", valueCode=warning) for warning in warnings]
    empty = {
        "emptyReason": concept(
            "no-content-recorded", "No Content Recorded", f"{SYSTEMS}/CareConnect-ListEmptyReasonCode-1"
        ),
        "note": [{"text": "Information not available"}],
    }
    return built(
        {
            "resourceType": "List",
            "meta": profile("List"),
            "extension": warned or None,
            "status": "current",
            "mode": "snapshot",
            "code": concept(code),
            "subject": reference("Patient/p1"),
            "date": "2026-11-22T09:00:00+00:00",
            "entry": [{"item": reference(target)} for target in targets] or None,
            **({} if targets or overrides.get("entry") else empty),
        },
        overrides,
    )


def ended_list(*allergies: Resource, **overrides: Any) -> Resource:
    targets = [f"#{each['id']}" for each in allergies]
    return record_list(ENDED_LIST, *targets, **{"contained": list(allergies) or None, **overrides})


def problem(problem_id: str, *targets: str, **overrides: Any) -> Resource:
    url = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-RelatedClinicalContent-1"
    return built(
        {
            "resourceType": "Condition",
            "id": problem_id,
            "extension": [{"url": url, "valueReference": reference(target)} for target in targets],
            "identifier": identifier(f"co-{problem_id}"),
            "clinicalStatus": "active",
            "code": concept("54150009", "Upper respiratory infection"),
            "subject": reference("Patient/p1"),
        },
        overrides,
    )


def outcome(*issues: tuple[str, str]) -> Resource:
    """Warnings as (diagnostics, text)."""
    details = concept("NOT_IMPLEMENTED", "Not implemented", f"{SYSTEMS}/Spine-ErrorOrWarningCode-1")
    return {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "warning",
                "code": "not-supported",
                "details": {**details, "text": text},
                "diagnostics": diagnostics,
            }
            for diagnostics, text in issues
        ],
    }


def bundle(*resources: Resource) -> Resource:
    return {
        "resourceType": "Bundle",
        "meta": {"profile": [f"{STU3}/GPConnect-StructuredRecord-Bundle-1"]},
        "type": "collection",
        "entry": [{"resource": resource} for resource in resources],
    }


def people() -> list[Resource]:
    return [patient(), organisation(), practitioner(), role()]


def record(*resources: Resource) -> Resource:
    """A bundle with the people of the practice and `resources`."""
    return bundle(*people(), *resources)


def typical_record() -> Resource:
    """One repeat with two issues, one allergy, one ended allergy, one problem: everything as specified."""
    return record(
        record_list(MEDICATIONS_LIST, "MedicationStatement/s1"),
        record_list(ALLERGIES_LIST, "AllergyIntolerance/a1"),
        ended_list(ended_allergy()),
        medication(),
        statement(),
        plan(),
        order(),
        order("order2", dispenseRequest={"validityPeriod": {"start": "2026-02-05", "end": "2026-02-12"}}),
        allergy(),
        problem("c1", "MedicationRequest/plan1", "AllergyIntolerance/a1"),
    )


def medicine_heavy_record(courses: int = 75, issues: int = 166) -> bytes:
    """About 1.3 MB of indented JSON with 241 requests: 2.2 issues to a course, as records show on average.

    The other half is what comes along in them: encounters, consultation lists and observations.
    """
    resources = people()
    resources += [practitioner(f"dr{n}") for n in range(2, 8)]
    resources += [role(f"role{n}", f"dr{n}") for n in range(2, 8)]
    resources += [_drug(n) for n in range(74)]
    for n in range(courses):
        resources += [_heavy_statement(n), _heavy_plan(n)]
    resources += [_heavy_order(n, n % courses) for n in range(issues)]
    resources += [allergy(f"a{n}") for n in range(1, 6)]
    resources += [
        record_list(MEDICATIONS_LIST, *(f"MedicationStatement/{_id(n)}-MS" for n in range(courses))),
        record_list(ALLERGIES_LIST, *(f"AllergyIntolerance/a{n}" for n in range(1, 6))),
        ended_list(),
    ]
    resources += [_encounter(n) for n in range(90)]
    resources += [_consultation(n) for n in range(130)]
    resources += [_observation(n) for n in range(135)]
    return json.dumps(bundle(*resources), indent=2).encode()


def _id(n: int) -> str:
    return f"7DC1C5D8-540B-4A7C-8E19-CBD34{n:07d}"


def _drug(n: int) -> Resource:
    display = f"Medicine number {n} 25mg tablets"
    emis = coding(f"MEDI{n}NEMIS", display, "https://fhir.hl7.org.uk/Id/emis-drug-codes")
    chosen = coding(
        next(code for digit in range(10) if is_concept_id(code := f"{317972 + n}00{digit}")),
        display,
        userSelected=True,
        extension=[
            {
                "url": f"{STU3}/Extension-coding-sctdescid",
                "extension": [{"url": "descriptionId", "valueId": str(1461000033100 + n)}],
            }
        ],
    )
    return medication(f"m{n}", code={"coding": [emis, chosen], "text": display})


def _heavy_statement(n: int) -> Resource:
    last = extension("MedicationStatementLastIssueDate", valueDateTime="2026-02-05T00:00:00+00:00")
    return statement(
        f"{_id(n)}-MS",
        _id(n),
        extension=[last, agency("prescribed-at-gp-practice")],
        medicationReference=reference(f"Medication/m{n % 74}"),
        note=[{"text": "Patient Notes: Take with food"}] if n % 3 == 0 else None,
    )


def _heavy_plan(n: int) -> Resource:
    counts = repeat_information(
        numberOfRepeatPrescriptionsAllowed={"valueUnsignedInt": 6},
        numberOfRepeatPrescriptionsIssued={"valueUnsignedInt": 2},
    )
    return plan(
        _id(n),
        extension=[counts, prescription_type("repeat")],
        medicationReference=reference(f"Medication/m{n % 74}"),
        note=[{"text": "Patient Notes: Take with food"}] if n % 3 == 0 else None,
        recorder=reference(f"Practitioner/dr{n % 7 + 1}"),
    )


def _heavy_order(n: int, course: int) -> Resource:
    return order(
        f"{_id(n)}-O",
        _id(course),
        medicationReference=reference(f"Medication/m{course % 74}"),
        groupIdentifier={"value": f"EPS-{n}"},
        context=reference(f"Encounter/{_id(n % 90)}-E"),
        recorder=reference(f"Practitioner/dr{n % 7 + 1}"),
        dispenseRequest={
            "validityPeriod": {"start": f"2026-{n % 9 + 1:02d}-05", "end": f"2026-{n % 9 + 1:02d}-12"},
            "quantity": {"value": 21, "unit": "capsule"},
            "expectedSupplyDuration": {
                "value": 7,
                "unit": "day",
                "system": "http://unitsofmeasure.org",
                "code": "d",
            },
        },
    )


def _encounter(n: int) -> Resource:
    return {
        "resourceType": "Encounter",
        "id": f"{_id(n)}-E",
        "meta": profile("Encounter"),
        "identifier": identifier(f"en-{n}"),
        "status": "finished",
        "type": [{"text": "GP Surgery"}],
        "subject": reference("Patient/p1"),
        "participant": [
            {"type": [concept("PPRF", "primary performer")], "individual": reference("Practitioner/dr1")},
            {"type": [concept("REC", "recorder")], "individual": reference("Practitioner/dr2")},
        ],
        "period": {"start": "2026-01-05T10:00:00+00:00"},
        "serviceProvider": reference("Organization/org1"),
    }


def _consultation(n: int) -> Resource:
    code = ("325851000000107", "25851000000105", "24781000000107")[n % 3]
    targets = [f"Observation/{_id(n)}-OB", f"Observation/{_id(n + 1)}-OB"]
    return record_list(code, *targets, id=f"{_id(n)}-L", encounter=reference(f"Encounter/{_id(n % 90)}-E"))


def _observation(n: int) -> Resource:
    return {
        "resourceType": "Observation",
        "id": f"{_id(n)}-OB",
        "meta": profile("Observation"),
        "identifier": identifier(f"ob-{n}"),
        "status": "final",
        "code": concept("163020007", "O/E - blood pressure reading", text="O/E - BP reading"),
        "subject": reference("Patient/p1"),
        "context": reference(f"Encounter/{_id(n % 90)}-E"),
        "effectiveDateTime": "2026-01-05T10:00:00+00:00",
        "issued": "2026-01-05T10:02:00.000+00:00",
        "performer": [reference("Practitioner/dr1")],
        "component": [
            {"code": concept("72313002", "Systolic"), "valueQuantity": {"value": 120, "unit": "mm[Hg]"}},
            {
                "code": concept("1091811000000102", "Diastolic"),
                "valueQuantity": {"value": 80, "unit": "mm[Hg]"},
            },
        ],
    }
