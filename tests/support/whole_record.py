"""A small record in which every area has an item or two, linked as practices link them; all of it made up.

The sandbox has one of the same name, which it builds as a practice and answers a question with. This one is
written down resource by resource, so that a test may change any part of it and map the rest.
"""

from typing import Any

from tests.support import bundles as b
from tests.support.bundles import Resource

COMMENT = "37331000000100"
HL7 = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect"
SECONDARY = "https://fhir.hl7.org.uk/STU3/CodeSystem/GPConnect-SecondaryListValues-1"
SUBJECT = {"subject": b.reference("Patient/p1")}
DOCTOR = b.reference("Practitioner/dr1")
VISIT = b.reference("Encounter/e1")


def observation(local_id: str, code: Any = None, **overrides: Any) -> Resource:
    return b.built(
        {
            "resourceType": "Observation",
            "id": local_id,
            "identifier": b.identifier(f"ob-{local_id}"),
            "status": "final",
            "code": code or b.concept("162763007", "On examination - weight"),
            **SUBJECT,
            "context": VISIT,
            "effectiveDateTime": "2026-02-03",
            "issued": "2026-02-03T10:15:00+00:00",
            "performer": [DOCTOR],
        },
        overrides,
    )


def encounter(local_id: str = "e1", **overrides: Any) -> Resource:
    return b.built(
        {
            "resourceType": "Encounter",
            "id": local_id,
            "identifier": b.identifier(f"en-{local_id}"),
            "status": "finished",
            "type": [{"text": "GP Surgery"}],
            **SUBJECT,
            "participant": [{"type": [b.concept("REC", "recorder")], "individual": DOCTOR}],
            "period": {"start": "2026-02-03T10:00:00+00:00", "end": "2026-02-03T10:15:00+00:00"},
            "location": [{"location": b.reference("Location/l1")}],
        },
        overrides,
    )


def structure(local_id: str, code: str, *targets: str, **overrides: Any) -> Resource:
    """One list of the tree of a consultation."""
    order = {"coding": [b.coding("system", system="http://hl7.org/fhir/list-order")]}
    return b.record_list(
        code, *targets, **{"id": local_id, "encounter": VISIT, "orderedBy": order, **overrides}
    )


def secondary(code: str, *targets: str, **overrides: Any) -> Resource:
    sent = b.record_list(code, *targets, **overrides)
    sent["code"]["coding"][0]["system"] = SECONDARY
    return sent


def consultations() -> list[Resource]:
    related = {"url": f"{HL7}-RelatedProblemHeader-1", "valueReference": b.reference("Condition/c2")}
    return [
        b.record_list("1149501000000101", "Encounter/e1"),
        encounter(),
        {"resourceType": "Location", "id": "l1", "name": "Room 1"},
        structure("t0", "325851000000107", "List/t1"),
        structure("t1", "25851000000105", "List/t2", title="Cough", extension=[related]),
        structure(
            "t2",
            "24781000000107",
            "Observation/n1",
            "Observation/o1",
            "MedicationRequest/order1",
            "DocumentReference/d1",
            title="History",
        ),
        observation("n1", b.concept(COMMENT, "Comment note"), comment="Coughing for a week.\nNo fever."),
        secondary("consultations-uncategorised-data-contained-in-consultations", "Observation/o1"),
    ]


def problems() -> list[Resource]:
    def extension(name: str, **value: Any) -> Resource:
        return {"url": f"{HL7}-{name}-1", **value}

    related = [
        {"url": "type", "valueCode": "parent"},
        {"url": "target", "valueReference": b.reference("Condition/c3")},
    ]
    linked = [
        extension("ProblemSignificance", valueCode="major"),
        extension("ActualProblem", valueReference=b.reference("Observation/o1")),
        extension("RelatedClinicalContent", valueReference=b.reference("List/t1")),
        extension("RelatedClinicalContent", valueReference=b.reference("DiagnosticReport/r1")),
        extension("RelatedClinicalContent", valueReference={"display": "Referral items have been disabled."}),
        extension("RelatedProblemHeader", extension=related),
    ]
    return [
        b.record_list("717711000000103", "Condition/c2", "Condition/c3"),
        b.problem("c2", extension=linked, onsetDateTime="2026", assertedDate="2026-02-03", asserter=DOCTOR),
        b.problem("c3", clinicalStatus="inactive", abatementDateTime="2025-06", note="Resolved"),
    ]


def immunisations() -> list[Resource]:
    return [
        b.record_list("1102181000000102", "Immunization/i1", "Observation/o3"),
        {
            "resourceType": "Immunization",
            "id": "i1",
            "identifier": b.identifier("im-1"),
            "extension": [
                {
                    "url": f"{HL7}-VaccinationProcedure-1",
                    "valueCodeableConcept": b.concept("822851000000102", "Seasonal influenza vaccination"),
                },
                {"url": f"{HL7}-DateRecorded-1", "valueDateTime": "2025-10-01T09:00:00+00:00"},
            ],
            "status": "completed",
            "notGiven": False,
            "vaccineCode": b.concept("UNK", "unknown", "http://hl7.org/fhir/v3/NullFlavor"),
            "patient": b.reference("Patient/p1"),
            "encounter": VISIT,
            "date": "2025-10-01",
            "primarySource": True,
            "practitioner": [{"actor": DOCTOR}],
            "lotNumber": "A1",
            "note": [{"text": "Left arm"}],
        },
        observation("o3", b.concept("310376006", "Immunisation consent given")),
    ]


def observations() -> list[Resource]:
    half = {"code": b.concept("271649006", "Systolic"), "valueQuantity": {"value": 120, "unit": "mm[Hg]"}}
    other = {"code": b.concept("271650006", "Diastolic"), "dataAbsentReason": b.concept("unknown")}
    return [
        b.record_list("826501000000100", "Observation/o1", "Observation/o2", "QuestionnaireResponse/q1"),
        observation("o1", valueQuantity={"value": 71.5, "unit": "kg"}, comment="Left, clothed"),
        observation("o2", b.concept("75367002", "Blood pressure"), component=[half, other]),
        {
            "resourceType": "QuestionnaireResponse",
            "id": "q1",
            "status": "completed",
            **SUBJECT,
            "parent": [b.reference("Observation/o1")],
            "item": [
                {
                    "linkId": "1",
                    "text": "Alone?",
                    "answer": [{"valueReference": b.reference("Observation/o2")}],
                }
            ],
        },
    ]


def investigations() -> list[Resource]:
    group = [{"type": "has-member", "target": b.reference("Observation/r3")}]
    below = [{"type": "derived-from", "target": b.reference("Observation/r2")}]
    names = ("r2", "r4", "f1")
    return [
        b.record_list("887191000000108", "DiagnosticReport/r1"),
        {
            "resourceType": "DiagnosticReport",
            "id": "r1",
            "identifier": b.identifier("dr-1"),
            "status": "final",
            "code": b.concept("721981007", "Diagnostic studies report"),
            **SUBJECT,
            "context": VISIT,
            "issued": "2026-02-04T08:00:00+00:00",
            "basedOn": [b.reference("ProcedureRequest/p1")],
            "specimen": [b.reference("Specimen/s1")],
            "result": [b.reference(f"Observation/{each}") for each in names],
            "conclusion": "Normal",
        },
        observation(
            "r2", b.concept("1022441000000101", "Full blood count"), related=group, effectiveDateTime=None
        ),
        observation(
            "r3",
            b.concept("1022431000000105", "Haemoglobin"),
            related=below,
            valueQuantity={"value": 141, "comparator": ">", "unit": "g/L"},
            referenceRange=[{"low": {"value": 130}, "high": {"value": 170}}],
        ),
        observation("r4", valueString="no growth\n   after 2 days", specimen=b.reference("Specimen/s1")),
        observation(
            "f1", b.concept(COMMENT, "Comment note"), status="unknown", related=below, comment="Tell patient"
        ),
        {
            "resourceType": "Specimen",
            "id": "s1",
            "identifier": b.identifier("sp-1"),
            **SUBJECT,
            "type": {"text": "Blood"},
            "receivedTime": "2026-02-03",
            "note": [{"text": "Haemolysed"}],
        },
        procedure_request("p1", "order", code={"text": "FBC"}),
    ]


def procedure_request(local_id: str, intent: str, **overrides: Any) -> Resource:
    return b.built(
        {
            "resourceType": "ProcedureRequest",
            "id": local_id,
            "identifier": b.identifier(f"pr-{local_id}"),
            "status": "active",
            "intent": intent,
            "code": b.concept("314529007", "Medication review due"),
            **SUBJECT,
            "authoredOn": "2026-02-03",
            "requester": {"agent": DOCTOR},
        },
        overrides,
    )


def referrals() -> list[Resource]:
    return [
        b.record_list("792931000000107", "ReferralRequest/rr1"),
        {
            "resourceType": "ReferralRequest",
            "id": "rr1",
            "identifier": b.identifier("0001", "https://fhir.nhs.uk/Id/UBRN"),
            "status": "unknown",
            "intent": "order",
            "priority": "urgent",
            **SUBJECT,
            "context": VISIT,
            "authoredOn": "2026-02-03",
            "requester": {"agent": DOCTOR},
            "recipient": [b.reference("Organization/org1")],
            "reasonCode": [b.concept("183521002", "Referral to respiratory physician")],
            "supportingInfo": [b.reference("DocumentReference/d1")],
        },
    ]


def diary_entries() -> list[Resource]:
    return [
        b.record_list("714311000000108", "ProcedureRequest/p2"),
        procedure_request(
            "p2", "plan", occurrenceDateTime="2026-12-01", note=[{"text": "Bring your inhaler"}]
        ),
    ]


def documents() -> list[Resource]:
    address = "https://documents.example.nhs.uk/A99999/STU3/1/gpconnect/documents/Binary/1"
    return [
        {
            "resourceType": "DocumentReference",
            "id": "d1",
            "identifier": b.identifier("do-1"),
            "status": "current",
            "type": {"text": "Letter"},
            **SUBJECT,
            "indexed": "2026-02-03T10:15:00+00:00",
            "author": [DOCTOR],
            "description": "Letter of the clinic",
            "content": [{"attachment": {"contentType": "application/pdf", "url": address, "size": 1234}}],
            "context": {"encounter": VISIT},
        },
    ]


def whole_record() -> Resource:
    """The typical record, and an item or two of every other area."""
    bundle = b.typical_record()
    parts = (
        consultations,
        problems,
        immunisations,
        observations,
        investigations,
        referrals,
        diary_entries,
        documents,
    )
    bundle["entry"] += [{"resource": each} for part in parts for each in part()]
    return bundle
