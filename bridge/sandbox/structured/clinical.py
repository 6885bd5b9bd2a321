"""Entries of the areas, as a conformant provider sends them (§5).

Consultations and reports of laboratories have modules of their own; medications and allergies are made by
the builder. Each function adds one entry to the record of a builder. What a scenario does differently it
changes in the resource it is given back.
"""

from collections.abc import Sequence
from typing import Any, Final

from bridge.sandbox.documents.shelf import binary_id
from bridge.sandbox.structured.builder import Builder
from bridge.sandbox.structured.elements import coded, to
from bridge.sandbox.structured.entries import HeldEntry
from bridge.sandbox.structured.record import Course

Json = dict[str, Any]


DOCUMENTS_ROOT: Final = "{documents root}"
"""Stands for the root of the documents server of the practice until the answer goes out."""


NOTE_CODE: Final = coded("37331000000100", "Comment note")


_HL7_UK: Final = "https://fhir.hl7.org.uk/STU3/"


def uk_extension(name: str, **value: Any) -> Json:
    """A CareConnect extension by its short name."""
    return {"url": f"{_HL7_UK}StructureDefinition/Extension-CareConnect-{name}-1", **value}


def problem(
    b: Builder,
    code: Json,
    *,
    actual: HeldEntry | None = None,
    linked: Sequence[HeldEntry] = (),
    status: str = "active",
    significance: str | None = "major",
    onset: str | None = "2019-05-02",
    ended: str | None = None,
) -> HeldEntry:
    """A problem header that promotes `actual` and groups `linked`."""
    extensions = []
    if actual is not None:
        extensions.append(uk_extension("ActualProblem", valueReference=to(actual.resource)))
    extensions += [
        uk_extension("RelatedClinicalContent", valueReference=to(each.resource)) for each in linked
    ]
    if significance is not None:
        extensions.append(uk_extension("ProblemSignificance", valueCode=significance))
    header = b.clinical("Condition", profile="CareConnect-GPC-ProblemHeader-Condition-1") | {
        "extension": extensions,
        "clinicalStatus": status,
        "category": [
            coded(
                "problem-list-item",
                "Problem List Item",
                system=_HL7_UK + "CodeSystem/CareConnect-ConditionCategory-1",
            )
        ],
        "code": code,
        "subject": to(b.patient),
        **({"onsetDateTime": onset} if onset else {}),
        **({"abatementDateTime": ended} if ended else {}),
        "assertedDate": "2019-05-02",
        "asserter": to(b.gp),
    }
    every = [*([actual] if actual is not None else []), *linked]
    return held(b, HeldEntry("includeProblems", header, linked=every))


def relate(one: HeldEntry, relation: str, other: HeldEntry) -> None:
    """Say of a problem what another is to it: parent, child or sibling."""
    parts = [{"url": "type", "valueCode": relation}, {"url": "target", "valueReference": to(other.resource)}]
    one.resource["extension"].append(uk_extension("RelatedProblemHeader", extension=parts))
    one.linked.append(other)


def observation(b: Builder, code: Json, *, on: str | None = "2024-03-05", **elements: Any) -> HeldEntry:
    """An entry of uncategorised data."""
    made = bare_observation(b, code) | {**({"effectiveDateTime": on} if on else {}), **elements}
    return held(b, HeldEntry("includeUncategorisedData", made, start=on, end=on))


def bare_observation(b: Builder, code: Json) -> Json:
    """An Observation without a value, a comment or a date."""
    return b.clinical("Observation") | {
        "status": "final",
        "code": code,
        "subject": to(b.patient),
        "issued": "2024-03-05T09:40:00+00:00",
        "performer": [to(b.gp)],
    }


def blood_pressure(b: Builder, systolic: int | None, diastolic: int | None, **more: Any) -> HeldEntry:
    """Both values in one Observation; a half that is missing stands there with the reason (§5.4.3)."""
    return observation(
        b,
        coded("163020007", "O/E - blood pressure reading"),
        component=[
            _pressure(coded("72313002", "Systolic arterial pressure"), systolic),
            _pressure(coded("1091811000000102", "Diastolic arterial pressure"), diastolic),
        ],
        **more,
    )


def _pressure(code: Json, value: int | None) -> Json:
    if value is None:
        system = "http://hl7.org/fhir/data-absent-reason"
        return {"code": code, "dataAbsentReason": coded("unknown", "Unknown", system=system)}
    return {"code": code, "valueQuantity": quantity(value, "mm[Hg]")}


def quantity(value: float, unit: str | None = None, comparator: str | None = None) -> Json:
    """A Quantity in UCUM units, or without any."""
    return {
        "value": value,
        **({"comparator": comparator} if comparator else {}),
        **({"unit": unit, "system": "http://unitsofmeasure.org", "code": unit} if unit else {}),
    }


def immunisation(
    b: Builder,
    procedure: Json,
    *,
    given: bool = True,
    on: str | None = "2024-10-08",
    vaccine: Json | None = None,
    **elements: Any,
) -> HeldEntry:
    """A vaccination that was given, or was intended and was not (§5.3)."""
    unknown = coded("UNK", "unknown", system="http://hl7.org/fhir/v3/NullFlavor")
    made = b.clinical("Immunization") | {
        "extension": [
            uk_extension("DateRecorded", valueDateTime="2024-10-08T11:02:00+00:00"),
            uk_extension("VaccinationProcedure", valueCodeableConcept=procedure),
        ],
        # So it is even where nothing was given (OD-47).
        "status": "completed",
        "notGiven": not given,
        "vaccineCode": vaccine or unknown,
        "patient": to(b.patient),
        **({"date": on} if on else {}),
        "primarySource": True,
        "practitioner": [{"actor": to(b.gp)}],
        **elements,
    }
    return held(b, HeldEntry("includeImmunisations", made, start=on, end=on))


def immunisation_status(b: Builder, code: Json, *, on: str = "2021-01-12") -> HeldEntry:
    """Consent, dissent, an invitation: an Observation in the list of immunisations."""
    made = bare_observation(b, code) | {"effectiveDateTime": on}
    return held(b, HeldEntry("includeImmunisations", made, start=on, end=on))


def referral(
    b: Builder,
    reason: Json,
    *,
    on: str | None = "2024-03-05",
    documents: Sequence[HeldEntry] = (),
    **elements: Any,
) -> HeldEntry:
    """An outbound referral."""
    made = b.clinical("ReferralRequest") | {
        "status": "unknown",
        "intent": "order",
        "subject": to(b.patient),
        **({"authoredOn": on} if on else {}),
        "requester": {"agent": to(b.gp)},
        "reasonCode": [reason],
        **({"supportingInfo": [to(each.resource) for each in documents]} if documents else {}),
        **elements,
    }
    letters = [each.resource for each in documents]
    return held(b, HeldEntry("includeReferrals", made, letters, start=on, end=on))


def diary_entry(b: Builder, code: Json, *, due: str | None = "2031-04-01", **elements: Any) -> HeldEntry:
    """Something that is planned and not complete."""
    made = b.clinical("ProcedureRequest") | {
        "status": "active",
        "intent": "plan",
        "code": code,
        "subject": to(b.patient),
        **({"occurrenceDateTime": due} if due else {}),
        "authoredOn": "2024-03-05T09:45:00+00:00",
        "requester": {"agent": to(b.gp)},
        **elements,
    }
    return held(b, HeldEntry("includeDiaryEntries", made, start=due, end=due))


def document(
    b: Builder, name: str, description: str, *, size: int = 20_480, unavailable: str | None = None
) -> HeldEntry:
    """What is said about a document (§5.8).

    Args:
        b: whose record it goes into.
        name: of the document on the patient's shelf, where it can be fetched.
        description: its title.
        size: in bytes.
        unavailable: why it cannot be had; then it has no address.
    """
    attachment: Json = {"contentType": "application/pdf", "size": size}
    if unavailable is None:
        attachment["url"] = f"{DOCUMENTS_ROOT}/Binary/{binary_id(b.practice_ods, b.nhs_number, name)}"
    else:
        attachment["title"] = unavailable
    made = b.clinical("DocumentReference") | {
        "status": "current",
        "type": coded("823651000000106", "Clinical letter"),
        "subject": to(b.patient),
        "created": "2024-03-05T10:00:00+00:00",
        "indexed": "2024-03-05T10:05:00+00:00",
        "author": [to(b.practice)],
        "custodian": to(b.practice),
        "description": description,
        "content": [{"attachment": attachment}],
    }
    return held(b, HeldEntry("DocumentReferences", made))


def course(found: Course) -> HeldEntry:
    """A medication as other areas name it: by its plan (§2.4)."""
    return HeldEntry("includeMedication", found.plan, [found.statement, found.product, *found.issues])


def allergy(found: Json) -> HeldEntry:
    """An allergy as other areas name it; an ended one stands in its list alone (CS-085)."""
    return HeldEntry("includeAllergies", found)


def held(b: Builder, entry: HeldEntry) -> HeldEntry:
    """The entry, which the record of the builder has from now on."""
    b.record.entries.append(entry)
    return entry
