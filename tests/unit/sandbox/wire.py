"""A practice of the sandbox asked and answering in JSON as on the wire, for tests of it.

The tables of structured.md §1 and §2 stand here once more, from the specification: nothing of the sandbox's own
is read to judge it.
"""

from dataclasses import replace
from datetime import date, timedelta

from bridge.sandbox.scenarios import BY_NAME
from bridge.sandbox.structured.elements import coded
from bridge.sandbox.structured.parameters import read_query

TODAY = date(2025, 11, 20)
YEAR_AGO = (TODAY - timedelta(days=365)).isoformat()
NUMBER = "9990008000"
CODE = coded("38341003", "Hypertension")
SECONDARY = "https://fhir.hl7.org.uk/STU3/CodeSystem/GPConnect-SecondaryListValues-1"
STRUCTURE = {"325851000000107", "25851000000105", "24781000000107"}

PERIODS = {
    "includeConsultations": "consultationSearchPeriod",
    "includeUncategorisedData": "uncategorisedDataSearchPeriod",
    "includeInvestigations": "investigationSearchPeriod",
    "includeReferrals": "referralSearchPeriod",
}
MAIN_LIST = {
    "includeAllergies": "886921000000105",
    "includeMedication": "933361000000108",
    "includeConsultations": "1149501000000101",
    "includeProblems": "717711000000103",
    "includeImmunisations": "1102181000000102",
    "includeUncategorisedData": "826501000000100",
    "includeInvestigations": "887191000000108",
    "includeReferrals": "792931000000107",
    "includeDiaryEntries": "714311000000108",
}
SINCE = {
    "includeAllergies": 2,
    "includeMedication": 2,
    "includeConsultations": 3,
    "includeProblems": 3,
    "includeImmunisations": 3,
    "includeUncategorisedData": 3,
    "includeInvestigations": 4,
    "includeReferrals": 4,
    "includeDiaryEntries": 5,
}
"""The minor version that each came with (§1.7)."""


def area(name, **parts):
    """A parameter, with a part for each keyword: ``name=("valueType", value)``."""
    if name == "includeAllergies":
        parts = {"includeResolvedAllergies": ("valueBoolean", True), **parts}
    sent = [{"name": part, kind: value} for part, (kind, value) in parts.items()]
    return {"name": name, **({"part": sent} if sent else {})}


def question(*parameters):
    identifier = {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": NUMBER}
    patient = {"name": "patientNHSNumber", "valueIdentifier": identifier}
    return {"resourceType": "Parameters", "parameter": [patient, *parameters]}


def practice(case):
    """A record that a case fills."""
    scenario = replace(BY_NAME["whole_record"], case=case)
    record = scenario.record()
    assert record is not None
    return record


def fill(b, name):
    """Put what a scenario's record holds into another."""
    case = BY_NAME[name].case
    assert case is not None
    case(b)


def answer(record, *parameters, version="1.6.2"):
    bundle = record.answer(read_query(question(*parameters), version=version, today=TODAY))
    return [entry["resource"] for entry in bundle["entry"]]


def whole(*parameters, version="1.6.2"):
    return answer(practice(BY_NAME["whole_record"].case), *parameters, version=version)


def of(resources, *kinds):
    return [one for one in resources if one["resourceType"] in kinds]


def lists(resources):
    """Primary and secondary lists by code."""
    found = [one for one in of(resources, "List") if one["code"]["coding"][0]["code"] not in STRUCTURE]
    by_code = {one["code"]["coding"][0]["code"]: one for one in found}
    assert len(by_code) == len(found)
    return by_code


def items(resources, code):
    return [each["item"] for each in lists(resources)[code].get("entry", [])]


def issues(resources):
    return [
        (
            issue["severity"],
            issue["details"]["coding"][0]["code"],
            issue["details"]["text"],
            issue["diagnostics"],
        )
        for outcome in of(resources, "OperationOutcome")
        for issue in outcome["issue"]
    ]
