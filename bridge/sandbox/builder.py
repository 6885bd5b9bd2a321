"""Builds the records of the scenario patients: STU3 resources as a conformant provider sends them.

Ids come from the NHS number and the order of building, so the same record is the same every time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict, Unpack
from uuid import NAMESPACE_URL, uuid5

from bridge.record.nhs_number import NHS_NUMBER_SYSTEM
from bridge.sandbox.people import Person
from bridge.sandbox.record import Course, Record
from bridge.sandbox.world import Practice

Json = dict[str, Any]

_PROFILE = "https://fhir.nhs.uk/STU3/StructureDefinition/"
_EXTENSION = _PROFILE + "Extension-CareConnect-GPC-"
_CODES = "https://fhir.nhs.uk/STU3/CodeSystem/"
SNOMED = "http://snomed.info/sct"
_IDENTIFIER = "https://provider.example/data-identifier"
_WHOLE_DATE = 2  # hyphens
_NOT_FOR_PATIENT = {"system": "http://hl7.org/fhir/v3/ActCode", "code": "NOPAT"}


def coded(code: str, display: str, *, system: str = SNOMED, text: str | None = None) -> Json:
    """A CodeableConcept of one coding."""
    concept: Json = {"coding": [{"system": system, "code": code, "display": display}]}
    return {**concept, "text": text} if text else concept


def extension(name: str, **value: Any) -> Json:
    """A GP Connect extension by its short name."""
    return {"url": f"{_EXTENSION}{name}-1", **value}


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue of a course: its first and last day, and its status."""

    start: str
    end: str
    status: str = "completed"


@dataclass(frozen=True, slots=True)
class Repeats:
    """How often a course may be and was issued. `allowed` None is without a limit."""

    allowed: int | None
    issued: int
    review: str | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """When and why a course was stopped."""

    day: str
    reason: str


class Details(TypedDict, total=False):
    """What may be said of a course; see `Prescription` for what is so unless said."""

    kind: str | None
    status: str
    start: str
    end: str | None
    dosage: str
    instruction: str | None
    issues: Sequence[Issue]
    quantity: Json
    supply_days: int | None
    repeats: Repeats | None
    stopped: Stopped | None
    elsewhere: str | None
    prior: Course | None
    note: str | None
    not_for_patient: bool
    warning_suffix: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prescription:
    """A course as it is to be built.

    Attributes:
        kind: code of the prescription type; None leaves it out.
        elsewhere: where it was prescribed, in words, when not at this practice.
        prior: the course that this one follows.
        quantity: STU3 Quantity; empty leaves it out.
        warning_suffix: what the statement's dosage text adds to the plan's.
    """

    kind: str | None = "repeat"
    status: str = "active"
    start: str = "2025-03-14"
    end: str | None = None
    dosage: str = "One to be taken each day"
    instruction: str | None = None
    issues: Sequence[Issue] = ()
    quantity: Json = field(default_factory=lambda: {"value": 28, "unit": "tablet"})
    supply_days: int | None = 28
    repeats: Repeats | None = None
    stopped: Stopped | None = None
    elsewhere: str | None = None
    prior: Course | None = None
    note: str | None = None
    not_for_patient: bool = False
    warning_suffix: str | None = None

    @property
    def window(self) -> Json:
        """As a Period."""
        return {"start": self.start, **({"end": self.end} if self.end else {})}

    @property
    def authored_on(self) -> str:
        """The start, with a time of day unless it is a partial date."""
        return f"{self.start}T09:30:00+00:00" if self.start.count("-") == _WHOLE_DATE else self.start


class AllergyDetails(TypedDict, total=False):
    """What may be said of an allergy; without it, a drug allergy asserted in 2016."""

    category: str
    kind: str | None
    criticality: str | None
    asserted: str
    onset: str | None
    reaction: Json | None
    note: str | None
    ended: Stopped | None
    not_for_patient: bool


class Builder:
    """Puts one patient's record together. `record` is what came of it."""

    def __init__(self, nhs_number: str, person: Person, practice: Practice) -> None:
        self._seed = nhs_number
        self._made = 0
        self._products: dict[str, Json] = {}
        self.practice = self._administrative(
            "Organization", identifier=_ods(practice.ods), name=practice.name
        )
        self.gp = self._practitioner("555021935107", "Gilbert", "Nichole", "Dr")
        role = self._administrative(
            "PractitionerRole",
            practitioner=_to(self.gp),
            organization=_to(self.practice),
            code=[
                coded(
                    "R0260",
                    "General Medical Practitioner",
                    system=_CODES + "CareConnect-SDSJobRoleName-1",
                )
            ],
        )
        self.patient = self._patient(nhs_number, person)
        self.record = Record(self.patient, [self.practice, self.gp, role])

    def medication(self, product: Json, **details: Unpack[Details]) -> Course:
        """Add a course: statement, plan, an order for each issue, and the product if it is new."""
        d = Prescription(**details)
        request = self._common(product, d) | {
            "authoredOn": d.authored_on,
            "recorder": _to(self.gp),
            "requester": {"agent": _to(self.gp)},
            "dosageInstruction": [_dosage(d.dosage, d.instruction)],
        }
        kinds = _prescription_type(d.kind)
        plan = self._clinical("MedicationRequest", not_for_patient=d.not_for_patient)
        plan |= {
            **_extensions(*kinds, *_repeat_information(d.repeats), *_status_reason(d.stopped)),
            "status": d.status,
            "intent": "plan",
            **request,
            **({"priorPrescription": _to(d.prior.plan)} if d.prior else {}),
            "dispenseRequest": _dispense(d.window, d),
        }
        orders = []
        for issue in d.issues:
            order = self._clinical("MedicationRequest", not_for_patient=d.not_for_patient)
            order |= {
                **_extensions(*kinds),
                "basedOn": [_to(plan)],
                "status": issue.status,
                "intent": "order",
                **request,
                "dispenseRequest": _dispense({"start": issue.start, "end": issue.end}, d),
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
            "medicationReference": _to(self._product(product)),
            "subject": _to(self.patient),
            **({"note": [{"text": d.note}]} if d.note else {}),
        }

    def _statement(self, product: Json, plan: Json, d: Prescription) -> Json:
        text = f"{d.dosage} {d.warning_suffix}" if d.warning_suffix else d.dosage
        return self._clinical("MedicationStatement", not_for_patient=d.not_for_patient) | {
            **_extensions(*_statement_extensions(d)),
            "basedOn": [_to(plan)],
            "status": d.status,
            **self._common(product, d),
            "effectivePeriod": d.window,
            "dateAsserted": d.authored_on,
            "taken": "unk",
            "dosage": [_dosage(text, d.instruction)],
        }

    def allergy(self, code: Json, **details: Unpack[AllergyDetails]) -> Json:
        """Add an allergy; with `ended` it goes into the list of ended ones."""
        ended, reaction, note = details.get("ended"), details.get("reaction"), details.get("note")
        allergy = self._clinical("AllergyIntolerance", not_for_patient=details.get("not_for_patient", False))
        allergy |= _extensions(*_allergy_end(ended))
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
            "patient": _to(self.patient),
            "assertedDate": details.get("asserted", "2016-05-09"),
            "recorder": _to(self.gp),
            **{name: value for name, value in optional.items() if value is not None},
        }
        (self.record.ended if ended else self.record.allergies).append(allergy)
        return allergy

    def linked_problem(self, code: Json, item: Json) -> Json:
        """Add a problem header that leads to `item`, with the list such headers come in."""
        hl7 = "https://fhir.hl7.org.uk/STU3/"
        problem = self._clinical("Condition", profile="CareConnect-GPC-ProblemHeader-Condition-1")
        problem |= {
            "extension": [
                {
                    "url": hl7 + "StructureDefinition/Extension-CareConnect-RelatedClinicalContent-1",
                    "valueReference": _to(item),
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
            "subject": _to(self.patient),
            "assertedDate": "2024-01-12",
            "asserter": _to(self.gp),
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
            "meta": {"profile": [_PROFILE + "CareConnect-GPC-List-1"]},
            "status": "current",
            "mode": "snapshot",
            "title": title,
            "code": coded(code, title, system=system),
            "subject": _to(self.patient),
            "entry": [{"item": _to(problem)}],
        }

    def _product(self, code: Json) -> Json:
        key = repr(code)
        if key not in self._products:
            product = self._resource("Medication", "CareConnect-GPC-Medication-1")
            self._products[key] = {**product, "code": code}
        return self._products[key]

    def _resource(self, kind: str, profile: str, **meta: Any) -> Json:
        self._made += 1
        logical_id = str(uuid5(NAMESPACE_URL, f"{self._seed}/{self._made}/{kind}"))
        return {"resourceType": kind, "id": logical_id, "meta": {**meta, "profile": [_PROFILE + profile]}}

    def _clinical(self, kind: str, *, profile: str | None = None, not_for_patient: bool = False) -> Json:
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
            identifier=[{**_verified(), "system": NHS_NUMBER_SYSTEM, "value": nhs_number}],
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
            telecom=[{"system": "phone", "value": person.phone, "use": "home"}],
            gender=person.gender,
            birthDate=person.birth_date,
            address=[
                {
                    "use": "home",
                    "type": "physical",
                    "line": [person.line],
                    "city": person.city,
                    "district": person.district,
                    "postalCode": person.postcode,
                }
            ],
            generalPractitioner=[_to(self.practice), _to(self.gp)],
            managingOrganization=_to(self.practice),
        )


def _to(resource: Json) -> Json:
    return {"reference": f"{resource['resourceType']}/{resource['id']}"}


def _ods(code: str) -> list[Json]:
    return [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": code}]


def _verified() -> Json:
    system = _CODES + "CareConnect-NHSNumberVerificationStatus-1"
    status = coded("01", "Number present and verified", system=system)
    return {"extension": [extension("NHSNumberVerificationStatus", valueCodeableConcept=status)]}


def _extensions(*extensions: Json) -> Json:
    """The element, or nothing: an empty one is not allowed."""
    return {"extension": list(extensions)} if extensions else {}


def _dosage(text: str, instruction: str | None) -> Json:
    return {"text": text, **({"patientInstruction": instruction} if instruction else {})}


def _prescription_type(kind: str | None) -> list[Json]:
    if kind is None:
        return []
    display = kind.replace("-", " ").capitalize()
    concept = coded(kind, display, system=_CODES + "CareConnect-PrescriptionType-1")
    return [extension("PrescriptionType", valueCodeableConcept=concept)]


def _allergy_end(ended: Stopped | None) -> list[Json]:
    if ended is None:
        return []
    parts = [
        {"url": "endDate", "valueDateTime": ended.day},
        {"url": "reasonEnded", "valueString": ended.reason},
    ]
    return [extension("AllergyIntoleranceEnd", extension=parts)]


def _repeat_information(repeats: Repeats | None) -> list[Json]:
    if repeats is None:
        return []
    parts: list[Json] = []
    if repeats.allowed is not None:
        parts.append({"url": "numberOfRepeatPrescriptionsAllowed", "valueUnsignedInt": repeats.allowed})
    parts.append({"url": "numberOfRepeatPrescriptionsIssued", "valueUnsignedInt": repeats.issued})
    if repeats.review:
        parts.append({"url": "authorisationExpiryDate", "valueDateTime": repeats.review})
    return [extension("MedicationRepeatInformation", extension=parts)]


def _status_reason(stopped: Stopped | None) -> list[Json]:
    if stopped is None:
        return []
    return [
        extension(
            "MedicationStatusReason",
            extension=[
                {"url": "statusReason", "valueCodeableConcept": {"text": stopped.reason}},
                {"url": "statusChangeDate", "valueDateTime": stopped.day},
            ],
        )
    ]


def _statement_extensions(d: Prescription) -> list[Json]:
    code = "prescribed-by-another-organisation" if d.elsewhere else "prescribed-at-gp-practice"
    display = "Prescribed by another organisation" if d.elsewhere else "Prescribed at GP practice"
    agency = coded(code, display, system=_CODES + "CareConnect-PrescribingAgency-1", text=d.elsewhere)
    extensions = [extension("PrescribingAgency", valueCodeableConcept=agency)]
    # The last issue is never sent for repeat dispensing or what was prescribed elsewhere (§3.3).
    if d.issues and not d.elsewhere and d.kind != "repeat-dispensing":
        latest = max(issue.start for issue in d.issues)
        extensions.append(extension("MedicationStatementLastIssueDate", valueDateTime=latest))
    return extensions


def _dispense(period: Json, d: Prescription) -> Json:
    dispense: Json = {"validityPeriod": period}
    if d.quantity:
        dispense["quantity"] = d.quantity
    if d.supply_days:
        dispense["expectedSupplyDuration"] = {
            "value": d.supply_days,
            "unit": "day",
            "system": "http://unitsofmeasure.org",
            "code": "d",
        }
    return dispense
