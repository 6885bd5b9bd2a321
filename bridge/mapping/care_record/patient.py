"""Whose section it is: the patient in the answer against the one who was asked for (HT-016, HT-037)."""

from datetime import date

from bridge.fhir.dstu2 import CareRecordAnswer, address_lines, person_name, phone_numbers, referred
from bridge.fhir.read import Item
from bridge.mapping.asked import Asked
from bridge.mapping.care_record.asked import SectionAsked
from bridge.mapping.identity import Identity, identify
from bridge.record.care_record import PatientCheck, PatientDetails, PatientDifference
from bridge.record.retrieval import Difference

_NONE_HELD = "not known to have died"
_DAY = len("2016-10-31")


def check_patient(answer: CareRecordAnswer, asked: SectionAsked) -> tuple[Identity, PatientCheck]:
    """Compare the details. With the verdict `reject` nothing of the answer may be used."""
    identity = identify(
        answer.index,
        Asked(
            nhs_number=asked.nhs_number,
            birth_date=asked.birth_date,
            family_name=asked.family_name,
            given_name=asked.given_name,
            gender=asked.gender,
            practice_ods=asked.practice_ods,
        ),
    )
    found = identity.check
    check: PatientCheck = {
        "nhs_number": found["nhs_number"],
        "birth_date": found["birth_date"],
        "family_name": found["family_name"],
        "given_name": found["given_name"],
        "gender": found["gender"],
        "practice_ods": found["practice_ods"],
        "deceased": "not_checked",
        "differences": [_difference(each) for each in found["differences"]],
        "verdict": found["verdict"],
    }
    if identity.subject_of(answer.composition.resource) == "other":
        # The document is about another of the patients in the answer.
        check["nhs_number"] = "mismatch"
        check["verdict"] = "reject"
        check["differences"] = [{"field": "nhs_number", "asked": asked.nhs_number}]
    if check["verdict"] != "reject":
        _check_death(check, asked.deceased_on, _deceased(_patient(identity)))
    return identity, check


def unanswered_check() -> PatientCheck:
    """The check of an answer that names nobody."""
    return {
        "nhs_number": "absent",
        "birth_date": "not_checked",
        "family_name": "not_checked",
        "given_name": "not_checked",
        "gender": "not_checked",
        "practice_ods": "not_checked",
        "deceased": "not_checked",
        "differences": [],
        "verdict": "reject",
    }


def _difference(found: Difference) -> PatientDifference:
    difference: PatientDifference = {"field": found["field"], "asked": found["asked"]}
    if "returned" in found:
        difference["returned"] = found["returned"]
    return difference


def _patient(identity: Identity) -> Item:
    found = identity.patient
    return Item(found.resource, found.ref) if found else Item({}, "Patient")


def _deceased(patient: Item) -> str | None:
    """The day of death as the practice holds it; `yes` where it holds no day."""
    day = patient.code(patient.resource.get("deceasedDateTime"), "deceasedDateTime")
    return day or ("yes" if patient.resource.get("deceasedBoolean") is True else None)


def _check_death(check: PatientCheck, held: date | None, returned: str | None) -> None:
    if returned is None and held is None:
        check["deceased"] = "match"
        return
    if returned is None:
        check["deceased"] = "absent"
    elif held is not None and returned[:_DAY] == held.isoformat():
        check["deceased"] = "match"
        return
    else:
        check["deceased"] = "mismatch"
        asked = held.isoformat() if held else _NONE_HELD
        check["differences"].append({"field": "deceased", "asked": asked, "returned": returned})
    check["verdict"] = "review"


def patient_details(answer: CareRecordAnswer, identity: Identity) -> PatientDetails:
    """What the practice says of the patient, for the eyes alone (HT-018)."""
    patient = _patient(identity)
    details: PatientDetails = {}
    if name := person_name(patient):
        details["name"] = name
    if birth := patient.code(patient.resource.get("birthDate"), "birthDate"):
        details["birth_date"] = birth
    if gender := patient.code(patient.resource.get("gender"), "gender"):
        details["gender"] = gender
    if deceased := _deceased(patient):
        details["deceased"] = deceased
    if address := address_lines(patient):
        details["address"] = address
    if phones := phone_numbers(patient):
        details["phones"] = phones
    practitioner, words = referred(answer, patient, "careProvider", "Practitioner")
    if gp := (person_name(practitioner) if practitioner else None) or words:
        details["gp_name"] = gp
    if identity.holder_name:
        details["practice_name"] = identity.holder_name
    return details
