"""What stands in the record of each scenario patient. One function, one reason; `scenarios` says which."""

from typing import Any

from bridge.sandbox.structured.areas.table import PRACTICE_AREAS
from bridge.sandbox.structured.builder import Builder
from bridge.sandbox.structured.catalogue import (
    AMLODIPINE,
    AMOXICILLIN,
    ANAPHYLAXIS,
    ASPIRIN,
    ATORVASTATIN,
    CITALOPRAM,
    DEGRADED_DRUG_ALLERGY,
    DEGRADED_MEDICATION,
    DEGRADED_OTHER_ALLERGY,
    FUROSEMIDE_20,
    FUROSEMIDE_40,
    LATEX,
    METFORMIN,
    MONTHLY,
    NO_KNOWN_ALLERGY,
    OMEPRAZOLE,
    PARACETAMOL,
    PEANUT,
    PENICILLIN,
    PRODUCTS,
    RASH,
    SALBUTAMOL,
    TEST_STRIPS,
)
from bridge.sandbox.structured.elements import CourseIssue, Repeats, Stopped, coded, extension
from bridge.sandbox.structured.parameters import ALLERGIES, MEDICATION

Json = dict[str, Any]


def rich_record(b: Builder) -> None:
    """A bit of everything that is common."""
    statin = b.medication(
        ATORVASTATIN,
        dosage="One to be taken at night",
        issues=MONTHLY,
        repeats=Repeats(6, 3, "2026-03-14"),
    )
    b.medication(AMLODIPINE, issues=MONTHLY, repeats=Repeats(6, 3, "2026-03-14"))
    b.medication(
        SALBUTAMOL,
        dosage="Two puffs when required",
        instruction="Shake well before use",
        quantity={"value": 200, "unit": "dose"},
        issues=(CourseIssue("2025-10-01", "2025-10-28"),),
        repeats=Repeats(12, 1),
    )
    b.medication(
        AMOXICILLIN,
        kind="acute",
        status="completed",
        start="2025-06-02",
        end="2025-06-08",
        dosage="One capsule three times a day for 7 days",
        quantity={"value": 21, "unit": "capsule"},
        supply_days=7,
        issues=(CourseIssue("2025-06-02", "2025-06-08"),),
        note="Patient Notes: 1st Issue - finish the course",
    )
    b.allergy(PENICILLIN, criticality="high", onset="1987", reaction=ANAPHYLAXIS, note="Certainty: likely")
    b.allergy(PEANUT, category="environment", reaction=RASH)
    b.allergy(LATEX, category="environment", ended=Stopped("2022-04-01", "Patch test negative"))
    b.linked_problem(coded("13644009", "Hypercholesterolaemia"), statin.plan)


def repeat_dispensing(b: Builder) -> None:
    """Future-dated issues, no last issue date."""
    days = [(f"2099-{month:02d}-01", f"2099-{month:02d}-28") for month in range(1, 7)]
    b.medication(
        METFORMIN,
        kind="repeat-dispensing",
        dosage="One tablet twice a day",
        quantity={"value": 56, "unit": "tablet"},
        issues=[
            CourseIssue("2025-11-01", "2025-11-28"),
            *(CourseIssue(start, end, "active") for start, end in days),
        ],
        repeats=Repeats(12, 7, "2026-10-31"),
    )
    both_lists_empty_of_allergies(b)


def dosage_changed(b: Builder) -> None:
    """The old plan is closed, the new one goes on and says so (§3.11)."""
    old = b.medication(
        FUROSEMIDE_20,
        status="completed",
        start="2025-05-01",
        end="2025-05-28",
        dosage="One tablet in the morning",
        issues=(CourseIssue("2025-05-01", "2025-05-28"),),
        repeats=Repeats(6, 1),
    )
    b.medication(
        FUROSEMIDE_20,
        start="2025-05-01",
        dosage="Two tablets in the morning",
        warning_suffix=(
            "WARNING – Dosage has changed during the effective period. "  # noqa: RUF001 - as the page prints it
            "The latest change was made on 29-May-2025"
        ),
        repeats=Repeats(5, 0),
        prior=old,
    )
    both_lists_empty_of_allergies(b)


def degraded_codes(b: Builder) -> None:
    """Codes without clinical meaning; the text is the item."""
    b.medication(
        DEGRADED_MEDICATION, kind="acute", dosage="Apply thinly", quantity={"value": 100, "unit": "gram"}
    )
    b.allergy(DEGRADED_DRUG_ALLERGY)
    b.allergy(DEGRADED_OTHER_ALLERGY, category="environment")


def no_known_allergies(b: Builder) -> None:
    """Somebody asked and said there are none."""
    b.medication(OMEPRAZOLE, issues=MONTHLY)
    b.allergy(NO_KNOWN_ALLERGY)


def contradictory_no_known_allergies(b: Builder) -> None:
    """The statement and an allergy beside it: bad data that exists."""
    b.allergy(NO_KNOWN_ALLERGY, asserted="2012-02-01")
    b.allergy(PENICILLIN, asserted="2019-08-20", reaction=RASH)


def ended_allergies_only(b: Builder) -> None:
    """Nothing active; what ended lives inside its list."""
    b.allergy(PENICILLIN, ended=Stopped("2021-09-30", "De-labelled after oral challenge"), reaction=RASH)
    b.allergy(LATEX, category="environment", ended=Stopped("2015-01-15", "No information available"))


def ended_allergy_twice(b: Builder) -> None:
    """One vendor sends an ended allergy contained and stand-alone: it is ended (§4.1)."""
    ended = b.allergy(PENICILLIN, ended=Stopped("2021-09-30", "Entered in error"))
    b.record.finish = lambda bundle: bundle["entry"].append({"resource": ended})


def withheld_everything(b: Builder) -> None:
    """Every item is withheld: the lists are empty, which is not none."""
    _warn(b, "confidential-items")


def withheld_some(b: Builder) -> None:
    """Some items are withheld: the lists are partial."""
    b.medication(ASPIRIN, issues=MONTHLY)
    b.allergy(PENICILLIN, reaction=RASH)
    _warn(b, "confidential-items")


def in_transit(b: Builder) -> None:
    """The record has not all arrived from the previous practice."""
    b.medication(AMLODIPINE, start="2025-10-20")
    _warn(b, "data-in-transit")


def awaiting_filing(b: Builder) -> None:
    """Items wait in the practice's workflow."""
    b.medication(CITALOPRAM, issues=MONTHLY)
    b.allergy(LATEX, category="environment")
    b.record.warnings = {MEDICATION: ("data-awaiting-filing",)}


def two_warnings(b: Builder) -> None:
    """Two codes on one list, their texts in one note."""
    b.medication(ASPIRIN)
    _warn(b, "confidential-items", "data-in-transit")


def empty(b: Builder) -> None:
    """Nothing recorded, and nobody said that there is nothing."""


def both_lists_empty_of_allergies(b: Builder) -> None:
    """No allergy of either kind is recorded: nothing to add."""


def allergies_unsupported(b: Builder) -> None:
    """The system does not know allergies: a warning inside the 200, and no list."""
    b.medication(AMLODIPINE, issues=MONTHLY)
    b.record.unsupported = frozenset({ALLERGIES})


def medication_disabled(b: Builder) -> None:
    """The area is switched off: a warning inside the 200, and an empty list beside it."""
    b.medication(AMLODIPINE)
    b.allergy(PENICILLIN, reaction=RASH)
    b.record.disabled = frozenset({MEDICATION})


def list_missing(b: Builder) -> None:
    """The allergy list is forgotten: unknown, never none."""
    b.medication(AMLODIPINE)
    b.record.missing_lists = frozenset({ALLERGIES})


def inherited_fields(b: Builder) -> None:
    """Version 1.2: an order leaves out what its plan says already (§3.10)."""
    course = b.medication(
        ATORVASTATIN,
        dosage="One to be taken at night",
        instruction="Avoid grapefruit juice",
        issues=MONTHLY[:1],
        repeats=Repeats(6, 1),
    )
    for order in course.issues:
        del order["requester"], order["dispenseRequest"]["quantity"]
        del (
            order["dispenseRequest"]["expectedSupplyDuration"],
            order["dosageInstruction"][0]["patientInstruction"],
        )
    changed = (
        "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-MedicationDosageLastChanged-1"
    )
    course.statement["extension"].append({"url": changed, "valueDateTime": "2025-09-01"})
    b.allergy(PENICILLIN)


def prescribed_elsewhere(b: Builder) -> None:
    """Known here, prescribed by others: no issues, and returned whatever date is asked."""
    b.medication(
        METFORMIN,
        status="completed",
        start="2019-01-07",
        end="2019-04-07",
        elsewhere="Hospital outpatient clinic",
        dosage="No information available",
        quantity={},
        supply_days=None,
    )
    b.medication(
        PARACETAMOL, kind=None, elsewhere="Bought over the counter", dosage="Not recorded", quantity={}
    )


def every_type(b: Builder) -> None:
    """Each prescription type of §3.2 once."""
    b.medication(
        AMOXICILLIN,
        kind="acute",
        status="completed",
        end="2025-03-20",
        issues=[CourseIssue("2025-03-14", "2025-03-20")],
    )
    b.medication(PARACETAMOL, kind="delayed-prescribing", start="2025-11-10")
    b.medication(AMLODIPINE, kind="repeat", issues=MONTHLY, repeats=Repeats(6, 3))
    b.medication(METFORMIN, kind="repeat-dispensing", issues=MONTHLY, repeats=Repeats(6, 3))
    b.medication(TEST_STRIPS, kind="repeat", quantity={"value": 50, "unit": "strip"}, repeats=Repeats(6, 0))
    b.medication(ASPIRIN, kind=None, start="2008-02-01")
    b.medication(CITALOPRAM, kind="acute-handwritten", status="completed", end="2025-03-20")


def stopped_course(b: Builder) -> None:
    """The plan is stopped with a reason; its orders stay as they were."""
    b.medication(
        CITALOPRAM,
        status="stopped",
        end="2025-10-02",
        issues=MONTHLY[:2],
        stopped=Stopped("2025-10-02", "Nausea"),
        repeats=Repeats(6, 2),
    )


def issue_counts(b: Builder) -> None:
    """More issues than allowed, none yet, and no limit."""
    b.medication(AMLODIPINE, issues=MONTHLY, repeats=Repeats(2, 3))
    b.medication(ASPIRIN, repeats=Repeats(6, 0))
    b.medication(OMEPRAZOLE, issues=MONTHLY, repeats=Repeats(None, 3))


def quantity_forms(b: Builder) -> None:
    """Number and unit; number with the unit as text (to 1.6.1); text only (1.6.2); none."""
    b.medication(AMLODIPINE, quantity={"value": 28, "unit": "tablet"})
    b.medication(ASPIRIN, quantity={"value": 56, "extension": [_quantity_text("tablet")]})
    b.medication(SALBUTAMOL, quantity={"extension": [_quantity_text("2 x 200 dose inhalers")]})
    b.medication(OMEPRAZOLE, quantity={})


def coding_forms(b: Builder) -> None:
    """Where the original term may stand (§2.9)."""
    described = {
        "url": "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-coding-sctdescid",
        "extension": [
            {"url": "descriptionId", "valueId": "442112014"},
            {"url": "descriptionDisplay", "valueString": "Latex allergy"},
        ],
    }
    chosen = {
        **LATEX["coding"][0],
        "display": "Allergy to latex",
        "extension": [described],
        "userSelected": True,
    }
    legacy = {"system": "http://read.info/readv2", "code": "14L..00", "display": "H/O: drug allergy"}
    b.allergy({"coding": [legacy, chosen]}, category="environment")
    b.allergy({"text": "Reacts to the plaster used at the clinic"}, category="environment")
    b.medication({**AMLODIPINE, "text": "Istin 10mg tablets"})
    b.medication(
        {
            "coding": [
                {
                    "system": "https://fhir.hl7.org.uk/Id/emis-drug-codes",
                    "code": "AMCA31",
                    "display": "Amoxicillin capsules 250mg",
                },
                *AMOXICILLIN["coding"],
            ]
        },
        kind="acute",
        start="2025-11-18",
    )


def reaction_placeholders(b: Builder) -> None:
    """A nullFlavor where a reaction is wanted: none of them is one."""
    for code, display in (("NI", "NoInformation"), ("UNC", "unencoded"), ("ASKU", "asked but unknown")):
        manifestation = coded(code, display, system="http://hl7.org/fhir/v3/NullFlavor")
        reaction = {"manifestation": [manifestation], "severity": "severe"}
        if code == "UNC":
            reaction["description"] = "Swelled up after the second dose"
        b.allergy(PENICILLIN if code == "NI" else LATEX, criticality="high", reaction=reaction)


def not_for_patient(b: Builder) -> None:
    """NOPAT on one medication and one allergy, not on the others."""
    b.medication(CITALOPRAM, issues=MONTHLY[:1], not_for_patient=True)
    b.medication(AMLODIPINE)
    b.allergy(PENICILLIN, not_for_patient=True)
    b.allergy(LATEX, category="environment")


def no_role(b: Builder) -> None:
    """A practitioner with two roles gets none; one from outside has a text for a name (§6.2)."""
    course = b.medication(AMLODIPINE, issues=MONTHLY[:1])
    second, visitor = b.second_gp(), b.second_gp(text_only=True)
    course.plan["requester"] = {"agent": {"reference": f"Practitioner/{second['id']}"}}
    course.issues[0]["requester"] = {"agent": {"reference": f"Practitioner/{visitor['id']}"}}
    b.allergy(PENICILLIN)["recorder"] = {"reference": f"Practitioner/{second['id']}"}


def partial_dates(b: Builder) -> None:
    """Years and months only; their precision is the information."""
    b.medication(AMLODIPINE, start="2019", repeats=Repeats(None, 12))
    b.medication(AMOXICILLIN, kind="acute", status="completed", start="2018-06", end="2018-07")
    b.allergy(PENICILLIN, onset="1987", asserted="2004-11")
    b.allergy(LATEX, category="environment", asserted="2010", ended=Stopped("2013", "No longer reacts"))


def medication_windows(b: Builder) -> None:
    """The specification's own examples of the date search, from 08-Jul-2018 (§3.9)."""
    b.medication(AMOXICILLIN, kind="acute", status="completed", start="2018-01-10", end="2018-02-10")
    b.medication(ASPIRIN, kind="acute", status="completed", start="2018-06-01", end="2018-10-01")
    b.medication(PARACETAMOL, kind="acute", start="2018-02-01")
    b.medication(SALBUTAMOL, kind="acute", start="2018-08-01")
    b.medication(METFORMIN, status="completed", start="2018-01-05", end="2018-07-28")
    b.medication(AMLODIPINE, start="2018-02-05")
    b.medication(FUROSEMIDE_40, kind="repeat-dispensing", start="2018-02-01", end="2018-12-01")
    b.medication(TEST_STRIPS, kind="acute", start="2018-10-25")
    old = b.medication(OMEPRAZOLE, status="completed", start="2018-01-01", end="2018-06-30")
    b.medication(OMEPRAZOLE, start="2018-07-01", prior=old)


def malformed_resource(b: Builder) -> None:
    """An entry that holds a statement's elements itself, without `resource`, in a record that is good."""
    broken = b.medication(ASPIRIN).statement["id"]
    b.medication(AMLODIPINE, issues=MONTHLY)
    b.allergy(PENICILLIN, reaction=RASH)

    def finish(bundle: Json) -> None:
        for entry in bundle["entry"]:
            if entry["resource"].get("id") == broken:
                entry.update(entry.pop("resource"))

    b.record.finish = finish


def out_of_order(b: Builder) -> None:
    """Reversed entries, a dangling reference, an unknown resource, element and extension."""
    rich_record(b)
    b.record.courses[0].plan["context"] = {"reference": "Encounter/not-in-this-bundle"}
    b.record.allergies[0]["extension"] = [{"url": "https://provider.example/unknown", "valueString": "x"}]

    def finish(bundle: Json) -> None:
        bundle["entry"].append({"resource": {"resourceType": "Spaceship", "id": "1"}})
        bundle["entry"][0]["resource"]["favouriteColour"] = "green"
        bundle["entry"].reverse()

    b.record.finish = finish


def of_size(courses: int, issues: int) -> Any:
    """A record of many medications: about 2.6 kB for a course and 1.1 kB for each issue."""

    def fill(b: Builder) -> None:
        for number in range(courses):
            months = [(2025 - back // 12, 12 - back % 12) for back in range(issues)]
            b.medication(
                PRODUCTS[number % len(PRODUCTS)],
                dosage=f"One to be taken {('in the morning', 'at night', 'twice a day')[number % 3]}",
                issues=[
                    CourseIssue(f"{year}-{month:02d}-01", f"{year}-{month:02d}-28") for year, month in months
                ],
                repeats=Repeats(issues + 6, issues, "2026-03-14"),
            )
        for allergen in (PENICILLIN, PEANUT):
            b.allergy(allergen, reaction=RASH)
        b.allergy(LATEX, category="environment", ended=Stopped("2022-04-01", "Patch test negative"))

    return fill


def _warn(b: Builder, *codes: str) -> None:
    """Warnings on every list of the answer: a transfer that is not complete concerns them all (§2.6)."""
    b.record.warnings = dict.fromkeys(PRACTICE_AREAS, codes)


def _quantity_text(text: str) -> Json:
    return extension("MedicationQuantityText", valueString=text)
