"""Builds the records of the scenario patients: STU3 resources as a conformant provider sends them.

Ids come from the NHS number and the order of building, so the same record is the same every time.
"""

from typing import Any, Unpack
from uuid import NAMESPACE_URL, uuid5

from bridge.record.nhs_number import NHS_NUMBER_SYSTEM
from bridge.sandbox.people import Person
from bridge.sandbox.structured.elements import (
    CODES,
    PROFILE,
    AllergyDetails,
    CourseDetails,
    Prescription,
    allergy_end,
    at_home,
    coded,
    dispense_request,
    dosage_of,
    extension,
    extensions,
    ods_identifier,
    prescription_type,
    repeat_information,
    statement_extensions,
    status_reason,
    to,
    verified,
)
from bridge.sandbox.structured.record import Course, Record
from bridge.sandbox.world import Practice

Json = dict[str, Any]

_IDENTIFIER = "https://provider.example/data-identifier"
_NOT_FOR_PATIENT = {"system": "http://hl7.org/fhir/v3/ActCode", "code": "NOPAT"}


class Builder:
    """Puts one patient's record together. `record` is what came of it."""

    def __init__(self, nhs_number: str, person: Person, practice: Practice) -> None:
        self.nhs_number = nhs_number
        self.practice_ods = practice.ods
        self._made = 0
        self._products: dict[str, Json] = {}
        self.practice = self._administrative(
            "Organization", identifier=ods_identifier(practice.ods), name=practice.name
        )
        self.gp = self._practitioner("555021935107", "Gilbert", "Nichole", "Dr")
        role = self._administrative(
            "PractitionerRole",
            practitioner=to(self.gp),
            organization=to(self.practice),
            code=[
                coded(
                    "R0260",
                    "General Medical Practitioner",
                    system=CODES + "CareConnect-SDSJobRoleName-1",
                )
            ],
        )
        self.patient = self._patient(nhs_number, person)
        self.record = Record(self.patient, [self.practice, self.gp, role])

    def medication(self, product: Json, **details: Unpack[CourseDetails]) -> Course:
        """Add a course: statement, plan, an order for each issue, and the product if it is new."""
        d = Prescription(**details)
        request = self._common(product, d) | {
            "authoredOn": d.authored_on,
            "recorder": to(self.gp),
            "requester": {"agent": to(self.gp)},
            "dosageInstruction": [dosage_of(d.dosage, d.instruction)],
        }
        kinds = prescription_type(d.kind)
        plan = self.clinical("MedicationRequest", not_for_patient=d.not_for_patient)
        plan |= {
            **extensions(*kinds, *repeat_information(d.repeats), *status_reason(d.stopped)),
            "status": d.status,
            "intent": "plan",
            **request,
            **({"priorPrescription": to(d.prior.plan)} if d.prior else {}),
            "dispenseRequest": dispense_request(d.window, d),
        }
        orders = []
        for issue in d.issues:
            order = self.clinical("MedicationRequest", not_for_patient=d.not_for_patient)
            order |= {
                **extensions(*kinds),
                "basedOn": [to(plan)],
                "status": issue.status,
                "intent": "order",
                **request,
                "dispenseRequest": dispense_request({"start": issue.start, "end": issue.end}, d),
            }
            orders.append(order)
        elsewhere = d.elsewhere is not None
        statement = self._statement(product, plan, d)
        medication = self._product(product)
        course = Course(statement, plan, medication, orders, d.kind, d.start, d.end, elsewhere)
        self.record.courses.append(course)
        return course

    def _common(self, product: Json, d: Prescription) -> Json:
        """What statement, plan and orders share."""
        return {
            "medicationReference": to(self._product(product)),
            "subject": to(self.patient),
            **({"note": [{"text": d.note}]} if d.note else {}),
        }

    def _statement(self, product: Json, plan: Json, d: Prescription) -> Json:
        text = f"{d.dosage} {d.warning_suffix}" if d.warning_suffix else d.dosage
        return self.clinical("MedicationStatement", not_for_patient=d.not_for_patient) | {
            **extensions(*statement_extensions(d)),
            "basedOn": [to(plan)],
            "status": d.status,
            **self._common(product, d),
            "effectivePeriod": d.window,
            "dateAsserted": d.authored_on,
            "taken": "unk",
            "dosage": [dosage_of(text, d.instruction)],
        }

    def allergy(self, code: Json, **details: Unpack[AllergyDetails]) -> Json:
        """Add an allergy; with `ended` it goes into the list of ended ones."""
        ended, reaction, note = details.get("ended"), details.get("reaction"), details.get("note")
        allergy = self.clinical("AllergyIntolerance", not_for_patient=details.get("not_for_patient", False))
        allergy |= extensions(*allergy_end(ended))
        optional = {
            "type": details.get("kind", "allergy"),
            "criticality": details.get("criticality"),
            "onsetDateTime": details.get("onset"),
            "reaction": [reaction] if reaction else None,
            "note": [{"text": note}] if note else None,
        }
        allergy |= {
            "clinicalStatus": "resolved" if ended else "active",
            "verificationStatus": "unconfirmed",
            "category": [details.get("category", "medication")],
            "code": code,
            "patient": to(self.patient),
            "assertedDate": details.get("asserted", "2016-05-09"),
            "recorder": to(self.gp),
            **{name: value for name, value in optional.items() if value is not None},
        }
        (self.record.ended if ended else self.record.allergies).append(allergy)
        return allergy

    def linked_problem(self, code: Json, item: Json) -> Json:
        """Add a problem header that leads to `item`, with the list such headers come in."""
        hl7 = "https://fhir.hl7.org.uk/STU3/"
        problem = self.clinical("Condition", profile="CareConnect-GPC-ProblemHeader-Condition-1")
        problem |= {
            "extension": [
                {
                    "url": hl7 + "StructureDefinition/Extension-CareConnect-RelatedClinicalContent-1",
                    "valueReference": to(item),
                },
                {
                    "url": hl7 + "StructureDefinition/Extension-CareConnect-ProblemSignificance-1",
                    "valueCodeableConcept": coded(
                        "major", "Major", system=hl7 + "CodeSystem/CareConnect-ProblemSignificance-1"
                    ),
                },
            ],
            "clinicalStatus": "active",
            "category": [
                coded(
                    "problem-list-item",
                    "Problem List Item",
                    system=hl7 + "CodeSystem/CareConnect-ConditionCategory-1",
                )
            ],
            "code": code,
            "subject": to(self.patient),
            "assertedDate": "2024-01-12",
            "asserter": to(self.gp),
        }
        self.record.others += [self._problem_list(problem), problem]
        return problem

    def second_gp(self, *, text_only: bool = False) -> Json:
        """Add another practitioner, without a role; `text_only` as one from outside the practice."""
        if not text_only:
            gp = self._practitioner("555021935108", "Okafor", "Samuel", "Dr")
        else:
            gp = self._administrative("Practitioner", name=[{"text": "Dr A Visitor"}])
        self.record.administrative.append(gp)
        return gp

    def _problem_list(self, problem: Json) -> Json:
        code = "problems-linked-problems-not-relating-to-the-primary-query"
        title = "Problems - linked problems not relating to the primary query"
        system = "https://fhir.hl7.org.uk/STU3/CodeSystem/GPConnect-SecondaryListValues-1"
        return {
            "resourceType": "List",
            "meta": {"profile": [PROFILE + "CareConnect-GPC-List-1"]},
            "status": "current",
            "mode": "snapshot",
            "title": title,
            "code": coded(code, title, system=system),
            "subject": to(self.patient),
            "entry": [{"item": to(problem)}],
        }

    def _product(self, code: Json) -> Json:
        key = repr(code)
        if key not in self._products:
            product = self._resource("Medication", "CareConnect-GPC-Medication-1")
            self._products[key] = {**product, "code": code}
        return self._products[key]

    def _resource(self, kind: str, profile: str, **meta: Any) -> Json:
        self._made += 1
        logical_id = str(uuid5(NAMESPACE_URL, f"{self.nhs_number}/{self._made}/{kind}"))
        return {"resourceType": kind, "id": logical_id, "meta": {**meta, "profile": [PROFILE + profile]}}

    def clinical(self, kind: str, *, profile: str | None = None, not_for_patient: bool = False) -> Json:
        """A clinical resource, of which its own elements are still to be said."""
        label = {"security": [_NOT_FOR_PATIENT]} if not_for_patient else {}
        resource = self._resource(kind, profile or f"CareConnect-GPC-{kind}-1", **label)
        resource["identifier"] = [{"system": _IDENTIFIER, "value": resource["id"].upper()}]
        return resource

    def _administrative(self, kind: str, **elements: Any) -> Json:
        return {**self._resource(kind, f"CareConnect-GPC-{kind}-1", versionId="1"), **elements}

    def _practitioner(self, user: str, family: str, given: str, prefix: str) -> Json:
        return self._administrative(
            "Practitioner",
            identifier=[{"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": user}],
            name=[{"use": "usual", "family": family, "given": [given], "prefix": [prefix]}],
            gender="female",
        )

    def _patient(self, nhs_number: str, person: Person) -> Json:
        name = f"{person.family.upper()}, {person.given[0]}"
        return self._administrative(
            "Patient",
            extension=[
                extension(
                    "RegistrationDetails",
                    extension=[
                        {"url": "registrationPeriod", "valuePeriod": {"start": "2010-01-01T00:00:00+00:00"}}
                    ],
                )
            ],
            identifier=[{**verified(), "system": NHS_NUMBER_SYSTEM, "value": nhs_number}],
            active=True,
            name=[
                {
                    "use": "official",
                    "text": f"{name} ({person.prefix})" if person.prefix else name,
                    "family": person.family,
                    "given": list(person.given),
                    **({"prefix": [person.prefix]} if person.prefix else {}),
                }
            ],
            gender=person.gender,
            birthDate=person.birth_date,
            **at_home(person),
            generalPractitioner=[to(self.practice), to(self.gp)],
            managingOrganization=to(self.practice),
        )
