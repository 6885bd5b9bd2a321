"""The elements that the scenario records are put together from, and what may be said of a course."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from bridge.sandbox.people import Person
from bridge.sandbox.structured.record import Course

Json = dict[str, Any]

PROFILE = "https://fhir.nhs.uk/STU3/StructureDefinition/"
CODES = "https://fhir.nhs.uk/STU3/CodeSystem/"
SNOMED = "http://snomed.info/sct"
_EXTENSION = PROFILE + "Extension-CareConnect-GPC-"
_WHOLE_DATE = 2  # hyphens


def coded(code: str, display: str, *, system: str = SNOMED, text: str | None = None) -> Json:
    """A CodeableConcept of one coding."""
    concept: Json = {"coding": [{"system": system, "code": code, "display": display}]}
    return {**concept, "text": text} if text else concept


def at_home(person: Person) -> Json:
    """Where a person lives, as elements of a Patient."""
    return {
        "telecom": [{"system": "phone", "value": person.phone, "use": "home"}],
        "address": [
            {
                "use": "home",
                "type": "physical",
                "line": [person.line],
                "city": person.city,
                "district": person.district,
                "postalCode": person.postcode,
            }
        ],
    }


def extension(name: str, **value: Any) -> Json:
    """A GP Connect extension by its short name."""
    return {"url": f"{_EXTENSION}{name}-1", **value}


@dataclass(frozen=True, slots=True)
class CourseIssue:
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


class CourseDetails(TypedDict, total=False):
    """What may be said of a course; see `Prescription` for what is so unless said."""

    kind: str | None
    status: str
    start: str
    end: str | None
    dosage: str
    instruction: str | None
    issues: Sequence[CourseIssue]
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
    issues: Sequence[CourseIssue] = ()
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


def to(resource: Json) -> Json:
    """A reference to `resource`."""
    return {"reference": f"{resource['resourceType']}/{resource['id']}"}


def ods_identifier(code: str) -> list[Json]:
    """An identifier list of one ODS code."""
    return [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": code}]


def verified() -> Json:
    """What a verified NHS number carries."""
    system = CODES + "CareConnect-NHSNumberVerificationStatus-1"
    status = coded("01", "Number present and verified", system=system)
    return {"extension": [extension("NHSNumberVerificationStatus", valueCodeableConcept=status)]}


def extensions(*extensions: Json) -> Json:
    """The element, or nothing: an empty one is not allowed."""
    return {"extension": list(extensions)} if extensions else {}


def dosage_of(text: str, instruction: str | None) -> Json:
    """A Dosage as text."""
    return {"text": text, **({"patientInstruction": instruction} if instruction else {})}


def prescription_type(kind: str | None) -> list[Json]:
    """The extension, or none for a type that nobody knows."""
    if kind is None:
        return []
    display = kind.replace("-", " ").capitalize()
    concept = coded(kind, display, system=CODES + "CareConnect-PrescriptionType-1")
    return [extension("PrescriptionType", valueCodeableConcept=concept)]


def allergy_end(ended: Stopped | None) -> list[Json]:
    """The extension of an ended allergy, or none."""
    if ended is None:
        return []
    parts = [
        {"url": "endDate", "valueDateTime": ended.day},
        {"url": "reasonEnded", "valueString": ended.reason},
    ]
    return [extension("AllergyIntoleranceEnd", extension=parts)]


def repeat_information(repeats: Repeats | None) -> list[Json]:
    """The extension of a plan, or none."""
    if repeats is None:
        return []
    parts: list[Json] = []
    if repeats.allowed is not None:
        parts.append({"url": "numberOfRepeatPrescriptionsAllowed", "valueUnsignedInt": repeats.allowed})
    parts.append({"url": "numberOfRepeatPrescriptionsIssued", "valueUnsignedInt": repeats.issued})
    if repeats.review:
        parts.append({"url": "authorisationExpiryDate", "valueDateTime": repeats.review})
    return [extension("MedicationRepeatInformation", extension=parts)]


def status_reason(stopped: Stopped | None) -> list[Json]:
    """The extension of a stopped plan, or none."""
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


def statement_extensions(d: Prescription) -> list[Json]:
    """Prescribing agency and, where it may be sent, the last issue."""
    code = "prescribed-by-another-organisation" if d.elsewhere else "prescribed-at-gp-practice"
    display = "Prescribed by another organisation" if d.elsewhere else "Prescribed at GP practice"
    agency = coded(code, display, system=CODES + "CareConnect-PrescribingAgency-1", text=d.elsewhere)
    extensions = [extension("PrescribingAgency", valueCodeableConcept=agency)]
    # The last issue is never sent for repeat dispensing or what was prescribed elsewhere (§3.3).
    if d.issues and not d.elsewhere and d.kind != "repeat-dispensing":
        latest = max(issue.start for issue in d.issues)
        extensions.append(extension("MedicationStatementLastIssueDate", valueDateTime=latest))
    return extensions


def dispense_request(period: Json, d: Prescription) -> Json:
    """Of a plan or an order, for `period`."""
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
