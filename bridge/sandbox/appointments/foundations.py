"""The operations of Foundations at a practice, but for registering (foundations.md §1 to §4)."""

import re
from typing import Any

from bridge.record.nhs_number import NHS_NUMBER_SYSTEM, is_valid_nhs_number
from bridge.sandbox.appointments.operations import OperationCall
from bridge.sandbox.appointments.premises import USER_ID
from bridge.sandbox.appointments.slots import ODS
from bridge.sandbox.outcomes import Refusal, resource_reply, searchset
from bridge.sandbox.patients import patient_resource
from bridge.sandbox.web import Reply

Json = dict[str, Any]

_USER = re.compile(r"\d{4,16}|G\d{7}|[A-Za-z0-9-]{3,36}")
_ODS_CODE = re.compile(r"[A-Z0-9]{3,12}")


def find_patient(asked: OperationCall) -> Reply:
    """An active patient by NHS number; nobody is an empty bundle, and no error."""
    number = _identifier(asked, NHS_NUMBER_SYSTEM)
    if not is_valid_nhs_number(number):
        raise Refusal("INVALID_NHS_NUMBER", "the NHS number fails its check")
    surgery = asked.surgery
    resident = surgery.patients.find(number)
    return resource_reply(searchset([patient_resource(resident, surgery.premises)] if resident else []))


def read_patient(asked: OperationCall) -> Reply:
    """An active patient by logical id."""
    resident = asked.surgery.patients.read(asked.id)
    if resident is None:
        raise Refusal("PATIENT_NOT_FOUND", "no active patient with this id")
    return resource_reply(patient_resource(resident, asked.surgery.premises))


def find_practitioner(asked: OperationCall) -> Reply:
    """A clinician by SDS user id."""
    user = _identifier(asked, USER_ID)
    if not _USER.fullmatch(user):
        raise Refusal("INVALID_IDENTIFIER_VALUE", "no SDS user id looks like this")
    premises = asked.surgery.premises
    return resource_reply(
        searchset(premises.practitioner(one) for one in premises.staff if one.user_id == user)
    )


def read_practitioner(asked: OperationCall) -> Reply:
    """A clinician by logical id."""
    premises = asked.surgery.premises
    clinician = premises.clinicians.get(asked.id)
    if clinician is None:
        raise Refusal("PRACTITIONER_NOT_FOUND", "no practitioner with this id")
    return resource_reply(premises.practitioner(clinician))


def find_organisation(asked: OperationCall) -> Reply:
    """The practice itself, by its ODS code."""
    code = _identifier(asked, ODS)
    if not _ODS_CODE.fullmatch(code):
        raise Refusal("INVALID_IDENTIFIER_VALUE", "no ODS code looks like this")
    found = [asked.surgery.premises.organisation] if code == asked.surgery.practice.ods else []
    return resource_reply(searchset(found))


def read_organisation(asked: OperationCall) -> Reply:
    """The practice itself, by logical id."""
    organisation = asked.surgery.premises.organisation
    if asked.id != organisation["id"]:
        raise Refusal("ORGANISATION_NOT_FOUND", "no organisation with this id")
    return resource_reply(organisation)


def read_location(asked: OperationCall) -> Reply:
    """A place by logical id; there is no finding of places."""
    place = asked.surgery.premises.places.get(asked.id)
    if place is None:
        raise Refusal("NO_RECORD_FOUND", "no location with this id")
    return resource_reply(asked.surgery.premises.location(place))


def _identifier(asked: OperationCall, system: str) -> str:
    """The value of the one identifier that is searched for, which must be of `system`."""
    given = [value for name, value in asked.request.parameters if name == "identifier"]
    if len(given) != 1:
        raise Refusal("BAD_REQUEST", "identifier must be given once")
    named, separator, value = given[0].partition("|")
    if not separator:
        raise Refusal("INVALID_IDENTIFIER_VALUE", "identifier must be a system and a value")
    if named != system:
        raise Refusal("INVALID_IDENTIFIER_SYSTEM", "this identifier system cannot be searched for")
    if not value:
        raise Refusal("INVALID_IDENTIFIER_VALUE", "identifier needs a value")
    return value
