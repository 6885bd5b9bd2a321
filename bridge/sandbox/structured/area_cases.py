"""What stands in records of more than medications and allergies. One function, one reason.

`whole_record` is what a good provider sends; each of the others does what suppliers have been seen to do.
"""

from typing import Any

from bridge.sandbox.structured.builder import Builder
from bridge.sandbox.structured.catalogue import AMLODIPINE, MONTHLY, PENICILLIN, RASH
from bridge.sandbox.structured.clinical import (
    allergy,
    blood_pressure,
    course,
    diary_entry,
    document,
    immunisation,
    immunisation_status,
    observation,
    problem,
    quantity,
    referral,
    relate,
    uk_extension,
)
from bridge.sandbox.structured.consultations import ContentPart, consultation
from bridge.sandbox.structured.elements import Repeats, Stopped, coded, to
from bridge.sandbox.structured.reports import ReportedResult, report

Json = dict[str, Any]

HYPERTENSION = coded("38341003", "Hypertension")
INFLUENZA = coded("822851000000102", "Seasonal influenza vaccination")
PHYSIOTHERAPY = coded("308447003", "Referral to physiotherapist")
MEDICATION_REVIEW = coded("314529007", "Medication review due")
FULL_BLOOD_COUNT = coded("1022441000000101", "Full blood count")
HAEMOGLOBIN = coded("1022431000000105", "Haemoglobin estimation")
POTASSIUM = coded("1000651000000109", "Serum potassium level")
WEIGHT = coded("27113001", "Body weight")
_BLOOD_CULTURE = (
    "Organism          Growth      Sensitivity\n"
    "E. coli           ++          trimethoprim  R\n"
    "                              nitrofurantoin S"
)


def whole_record(b: Builder) -> None:
    """Every area once, linked as a practice links them: the record that the demonstration shows."""
    amlodipine = course(b.medication(AMLODIPINE, issues=MONTHLY, repeats=Repeats(6, 3, "2026-03-14")))
    penicillin = allergy(b.allergy(PENICILLIN, reaction=RASH))
    pressure = blood_pressure(b, 152, 94)
    weight = observation(b, WEIGHT, valueQuantity=quantity(81.50, "kg"))
    family = observation(b, HYPERTENSION, on="2011", comment="Family history of: father, from the age of 50")
    letter = document(b, "letter", "Letter to physiotherapy")
    physiotherapy = referral(b, PHYSIOTHERAPY, documents=[letter], priority="routine")
    review = diary_entry(b, MEDICATION_REVIEW)
    blood = report(
        b,
        ReportedResult(
            FULL_BLOOD_COUNT,
            members=[
                ReportedResult(
                    HAEMOGLOBIN,
                    {
                        "valueQuantity": quantity(131, "g/L"),
                        "referenceRange": [{"low": {"value": 115}, "high": {"value": 165}}],
                    },
                ),
            ],
            filing=["Normal, no action"],
        ),
        ReportedResult(POTASSIUM, {"valueQuantity": quantity(4.30, "mmol/L")}),
        comments=["Telephoned by the laboratory"],
        request="Bloods for hypertension",
    )
    flu = immunisation(b, INFLUENZA, lotNumber="AB1234", expirationDate="2025-06-30")
    immunisation_status(b, coded("310376006", "Immunisation consent given"))
    hypertension = problem(b, HYPERTENSION, actual=pressure, linked=[amlodipine, blood])
    gone = problem(
        b, coded("444814009", "Viral sinusitis"), status="inactive", significance="minor", ended="2020"
    )
    relate(hypertension, "sibling", gone)
    visit = consultation(
        b,
        ContentPart(
            "Hypertension",
            problems=[hypertension],
            headings=[
                ContentPart("History", ["Headaches for two weeks, worse in the morning.", family]),
                ContentPart("Examination", [pressure, weight]),
                ContentPart("Plan", [amlodipine, blood, physiotherapy, review, flu]),
            ],
        ),
        ContentPart("Allergies", [penicillin]),
    )
    hypertension.linked.append(visit)
    hypertension.resource["extension"].append(
        uk_extension("RelatedClinicalContent", valueReference=to(visit.resource))
    )


def values_in_comments(b: Builder) -> None:
    """Uncategorised data whose value stands in the comment, a line each (§5.5)."""
    observation(b, coded("246501002", "Blood pressure"), comment="Value: 120.0 mm[Hg]")
    observation(
        b,
        coded("160573003", "Alcohol intake"),
        comment=(
            "Original text: Alcohol units\nValue: 22.0 {units}/wk\n"
            "Interpretation Code: Above high reference limit\nReference range: < 21.0"
        ),
    )
    observation(b, POTASSIUM, comment="Value: >= 5.0 mmol/L\nReference range: 3.6 - 5.3")
    observation(b, WEIGHT, comment="Value: ~ 90.0 kg")
    observation(b, HYPERTENSION, comment="Problem severity: Minor Father (as notes)")


def forms_of_values(b: Builder) -> None:
    """Comparators, no unit, half a blood pressure, one alone, members, and a questionnaire (§5.4)."""
    observation(b, POTASSIUM, valueQuantity=quantity(2.0, "mmol/L", comparator="<"))
    observation(b, coded("1003811000000102", "Haematocrit"), valueQuantity=quantity(0.410))
    blood_pressure(b, 148, None)
    observation(b, coded("72313002", "Systolic arterial pressure"), valueQuantity=quantity(139, "mm[Hg]"))
    approximate = {**quantity(70, "kg"), "extension": [uk_extension("ValueApproximation", valueBoolean=True)]}
    observation(b, WEIGHT, valueQuantity=approximate)
    observation(b, coded("300577008", "Finding of lesion"), on=None, valueString="left  shin\n2 cm")
    member = observation(
        b, coded("365981007", "Smoking status"), valueCodeableConcept=coded("77176002", "Smoker")
    )
    score = observation(b, coded("715252007", "Depression score"), valueQuantity=quantity(9, "{score}"))
    score.resource["related"] = [{"type": "has-member", "target": to(member.resource)}]
    answers = b.clinical("QuestionnaireResponse", profile="CareConnect-QuestionnaireResponse-1") | {
        "parent": [to(score.resource)],
        "status": "completed",
        "subject": to(b.patient),
        "authored": "2024-03-05T09:41:00+00:00",
        "item": [
            {"linkId": "1", "text": "Do you smoke?", "answer": [{"valueReference": to(member.resource)}]}
        ],
    }
    answers["identifier"] = answers["identifier"][0]
    score.beside.append(answers)


def reports_without_states(b: Builder) -> None:
    """A report of unknown status, with results that only their group names, and fixed-width text (§5.5)."""
    report(
        b,
        ReportedResult(
            FULL_BLOOD_COUNT,
            members=[
                ReportedResult(
                    HAEMOGLOBIN,
                    {"valueQuantity": quantity(131, "g/L")},
                    filing=["Normal", "Patient informed"],
                ),
                ReportedResult(POTASSIUM, {"valueQuantity": quantity(2.0, "mmol/L", comparator="<")}),
            ],
        ),
        ReportedResult(coded("401314000", "Blood culture"), {"comment": _BLOOD_CULTURE}),
        status="unknown",
        comments=["To be discussed at the next visit"],
    )


def reports_by_lines(b: Builder) -> None:
    """A report with a marker for a group, no relations, and comments of keys and values (§5.5)."""
    found = report(
        b,
        ReportedResult(coded("364712009", "Laboratory test observation"), {"comment": "Original text: U+Es"}),
        ReportedResult(POTASSIUM, {"comment": "Value: 4.3 mmol/L\nReference range: 3.6 - 5.3"}),
        comments=["Title: U+Es\nResult indicator: Abnormal\nFollow Up Action: Repeat test"],
    )
    laboratory = coded("LAB", "Laboratory", system="http://hl7.org/fhir/observation-category")
    found.resource["category"] = {**laboratory, "text": "Biochemistry"}
    for one in found.beside:
        if one["resourceType"] == "Observation":
            one["category"] = [laboratory, {"text": "Biochemistry"}]


def consultations_by_topic(b: Builder) -> None:
    """Items on the topic, topics without a title, words alone for what cannot be sent, and a draft (§5.2)."""
    weight = observation(b, WEIGHT, valueQuantity=quantity(90, "kg"))
    flat = consultation(
        b,
        ContentPart(None, [weight, "Weight going up.", {"display": "Allergy items have been disabled."}]),
        ContentPart(None, ["Advised."]),
        kind={"text": "Telephone call from a patient"},
        on="2023-11-02",
    )
    for one in flat.beside:
        if one["resourceType"] == "List" and one["code"]["coding"][0]["code"] == "25851000000105":
            one["code"]["coding"][0]["code"] += " "
    consultation(
        b, ContentPart("Unfinished", ["To be completed"]), draft=True, on="2025-11-19T17:55:00+00:00"
    )


def problems_of_suppliers(b: Builder) -> None:
    """Both hosts of an extension, a significance in another form, links to nothing and to a List (§5.1)."""
    pressure = blood_pressure(b, 150, 90)
    first = problem(b, HYPERTENSION, actual=pressure, significance=None, onset=None)
    first.resource["extension"][0]["url"] = (
        "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-ActualProblem-1"
    )
    first.resource["extension"].append(
        uk_extension(
            "ProblemSignificance",
            valueCodeableConcept=coded(
                "minor",
                "Minor",
                system="https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-ProblemSignificance-1",
            ),
        )
    )
    visit = consultation(b, ContentPart(None, [pressure], problems=[first]))
    topic = next(one for one in visit.beside if one["resourceType"] == "List")
    second = problem(b, coded("195967001", "Asthma"), linked=[visit])
    second.resource["extension"] += [
        uk_extension("RelatedClinicalContent", valueReference=to(topic)),
        uk_extension(
            "RelatedClinicalContent", valueReference={"reference": "Observation/not-in-this-bundle"}
        ),
        uk_extension(
            "RelatedClinicalContent",
            valueReference={"display": "Referral items are not supported by the provider system."},
        ),
    ]
    over = problem(b, coded("444814009", "Viral sinusitis"), status="inactive", significance="minor")
    relate(second, "parent", over)


def immunisations_not_given(b: Builder) -> None:
    """Given without a product, not given with a reason, and states that contradict each other (§5.3)."""
    immunisation(b, INFLUENZA, explanation={"reason": [{"text": "At risk: asthma"}]})
    immunisation(
        b,
        coded("822891000000105", "Influenza vaccination not done"),
        given=False,
        on="2023-10-02",
        explanation={"reasonNotGiven": [{"text": "Unwell on the day"}]},
    )
    immunisation(b, coded("1324681000000101", "First dose of a vaccine"), on="2021-02", primarySource=False)
    immunisation_status(b, coded("310376006", "Immunisation consent given"), on="2021-01-12")
    immunisation_status(b, coded("310375005", "Immunisation consent not given"), on="2021-01-12")


def referrals_of_few_words(b: Builder) -> None:
    """Neither priority nor recipient, a reason that is no referral, all else in the description (§5.6)."""
    referral(b, coded("26604007", "Full blood count"))
    told = "Referral for further care\nSender: A GP\nUrgency: High Risk\nOutcome of referral: assessment"
    referral(b, {"text": "Referral for further care"}, on="2011", description=told)


def documents_of_no_list(b: Builder) -> None:
    """Documents that a referral and a diary entry name and no list does, too large or gone (§5.8)."""
    large = document(
        b,
        "scan",
        "Scanned notes",
        size=31_457_280,
        unavailable="File size 31457280 bytes greater than maximum allowable (5MB)",
    )
    letter = document(b, "letter", "Letter of the clinic")
    referral(b, PHYSIOTHERAPY, documents=[large, letter])


def referrals_switched_off(b: Builder) -> None:
    """Referrals are switched off: words stand in their place wherever they are named (§2.7)."""
    sent = referral(b, PHYSIOTHERAPY)
    weight = observation(b, WEIGHT, valueQuantity=quantity(70, "kg"))
    consultation(b, ContentPart("Back pain", [weight, sent]))
    b.record.disabled = frozenset({"includeReferrals"})


def ended_allergy_in_a_consultation(b: Builder) -> None:
    """A consultation and a problem name an allergy that has ended: only its own list holds it (§2.4)."""
    ended = allergy(b.allergy(PENICILLIN, ended=Stopped("2021-09-30", "Tolerated in a challenge")))
    tested = problem(b, coded("91936005", "Allergy to penicillin"), actual=ended, status="inactive")
    consultation(b, ContentPart("Allergies", [ended, "Challenge without reaction."], problems=[tested]))


def withheld_from_consultations(b: Builder) -> None:
    """What a consultation named of one area is withheld: only a secondary list says so (§2.4)."""
    consultation(b, ContentPart("Review", ["See letter."]))
    b.record.warnings = {"includeUncategorisedData": ("confidential-items",)}
