"""Registering a temporary patient: the Parameters rule by rule, and the trace on PDS (foundations.md §5)."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fhir.resources.STU3.patient import Patient as PatientModel
from pydantic import ValidationError

from bridge.record.nhs_number import NHS_NUMBER_SYSTEM, is_valid_nhs_number
from bridge.sandbox.appointments.operations import OperationCall
from bridge.sandbox.outcomes import Refusal, resource_reply, searchset
from bridge.sandbox.patients import agree, patient_resource
from bridge.sandbox.people import PdsRegistration, Person, RegistrationState, Trace
from bridge.sandbox.structured.elements import PROFILE
from bridge.sandbox.web import Reply

Json = dict[str, Any]

PATIENT = f"{PROFILE}CareConnect-GPC-Patient-1"
LANGUAGE = f"{PROFILE}Extension-CareConnect-GPC-NHSCommunication-1"
_SEARCHSET = f"{PROFILE}GPConnect-Searchset-Bundle-1"
_ALLOWED = {
    "resourceType",
    "meta",
    "identifier",
    "name",
    "birthDate",
    "gender",
    "address",
    "telecom",
    "extension",
}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_PHONES = {"home", "work", "mobile", "temp"}
_INVALID = {Trace.INVALIDATED, Trace.SUPERSEDED}


def register_patient(asked: OperationCall, on_pds: Mapping[str, PdsRegistration]) -> Reply:
    """Make a temporary registration; never another one, and nothing on PDS."""
    sent = _patient(asked.body)
    number = sent["identifier"][0]["value"]
    asked.call.nhs_number = number
    surgery = asked.surgery
    person = _person(sent)
    traced = _traced(on_pds.get(number), person)
    held = surgery.patients.held(number)
    if held and held.standing is RegistrationState.UNTRACED and not agree(held.person, traced.person):
        raise Refusal("INVALID_PATIENT_DEMOGRAPHICS", "the record held here is not the person PDS knows")
    if held and held.standing is not RegistrationState.LAPSED:
        raise Refusal("DUPLICATE_REJECTED", "the patient is active here already")
    # What was left out comes from PDS, which is never written to.
    known = replace(traced.person, gender=person.gender if "gender" in sent else traced.person.gender)
    resident = surgery.patients.register(traced, known, _contacts(sent), surgery.diary.now())
    patient = patient_resource(resident, surgery.premises)
    return resource_reply(searchset([patient], profile=_SEARCHSET))


def _bad(rule: str) -> Refusal:
    return Refusal("INVALID_RESOURCE", rule)


def _patient(body: Any) -> Json:
    """The Patient of the Parameters, with nothing in it that may not be sent (FN-P04)."""
    if not isinstance(body, dict) or body.get("resourceType") != "Parameters":
        raise Refusal("BAD_REQUEST", "Parameters are expected")
    given = body.get("parameter")
    if not isinstance(given, list) or [one.get("name") for one in given] != ["registerPatient"]:
        raise _bad("exactly one parameter registerPatient is needed")
    patient = given[0].get("resource")
    if not isinstance(patient, dict) or patient.get("resourceType") != "Patient":
        raise _bad("registerPatient must hold a Patient")
    try:
        PatientModel.model_validate(patient)
    except ValidationError as error:
        places = sorted({".".join(map(str, one["loc"])) for one in error.errors()})
        raise _bad(f"not a valid Patient: {', '.join(places)}") from None
    if set(patient) - _ALLOWED:
        raise _bad(f"must not be sent: {', '.join(sorted(set(patient) - _ALLOWED))}")
    if PATIENT not in patient.get("meta", {}).get("profile", []):
        raise _bad("meta.profile must name the profile")
    _check_identity(patient)
    _check_contacts(patient)
    return patient


def _check_identity(patient: Json) -> None:
    identifiers = patient.get("identifier", [])
    if [one.get("system") for one in identifiers] != [NHS_NUMBER_SYSTEM] or not identifiers[0].get("value"):
        raise _bad("exactly one identifier, the NHS number, is needed")
    if not is_valid_nhs_number(identifiers[0]["value"]):
        raise Refusal("INVALID_NHS_NUMBER", "the NHS number fails its check")
    names = patient.get("name", [])
    if [one.get("use") for one in names] != ["official"]:
        raise _bad("exactly one name, the official one, is needed")
    if not names[0].get("family") or not names[0].get("given"):
        raise _bad("the name needs family and given")
    if not _DATE.fullmatch(str(patient.get("birthDate", ""))):
        raise _bad("a whole birthDate is needed")


def _check_contacts(patient: Json) -> None:
    uses = [one.get("use") for one in patient.get("address", [])]
    if set(uses) - {"home", "temp"} or len(set(uses)) != len(uses):
        raise _bad("addresses may be one home and one temp")
    kinds = [(one.get("system"), one.get("use")) for one in patient.get("telecom", [])]
    emails = [kind for kind in kinds if kind[0] == "email"]
    phones = [use for system, use in kinds if system == "phone"]
    if len(emails) > 1 or len(emails) + len(phones) != len(kinds):
        raise _bad("telecom may be phones and one email")
    if set(phones) - _PHONES or len(set(phones)) != len(phones):
        raise _bad("phones may be one each of home, work, mobile and temp")
    if [one["url"] for one in patient.get("extension", [])] not in ([], [LANGUAGE]):
        raise _bad("no extension but one NHSCommunication may be sent")


def _person(patient: Json) -> Person:
    name = patient["name"][0]
    return Person(
        family=name["family"],
        given=tuple(name["given"]),
        prefix=None,
        gender=patient.get("gender", "unknown"),
        birth_date=patient["birthDate"],
    )


def _traced(known: PdsRegistration | None, person: Person) -> PdsRegistration:
    """Whom PDS knows by this number, when it is the same person, alive and not sensitive (§5.2)."""
    if known is None or known.trace is Trace.NOT_FOUND:
        raise Refusal("INVALID_PATIENT_DEMOGRAPHICS", "PDS does not know the number")
    if known.trace in _INVALID:
        raise Refusal("INVALID_NHS_NUMBER", "PDS has the number as superseded or invalid")
    if known.trace in {Trace.RESTRICTED, Trace.DECEASED}:
        raise Refusal("INVALID_PATIENT_DEMOGRAPHICS", "PDS has the person as sensitive or deceased")
    if not agree(person, known.person):
        raise Refusal("INVALID_PATIENT_DEMOGRAPHICS", "PDS knows another person by this number")
    return known


def _contacts(patient: Json) -> Json:
    language = next(iter(patient.get("extension", [])), None)
    kept = {name: patient[name] for name in ("address", "telecom") if patient.get(name)}
    return {**kept, **({"language": language} if language else {})}
