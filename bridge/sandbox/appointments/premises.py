"""Who works at a practice, and where: its organisation, sites and clinicians, as Foundations shows them.

Ids are made from the practice's ODS code: the same in every run, and different at every other practice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from bridge.sandbox.structured.elements import PROFILE, ods_identifier
from bridge.sandbox.world import Practice

Json = dict[str, Any]

USER_ID = "https://fhir.nhs.uk/Id/sds-user-id"
VISIT_PLACE = "Contact practice for location of the visit"


def logical_id(*parts: object) -> str:
    """An id that tells nothing and is the same for the same parts."""
    return blake2b("/".join(map(str, parts)).encode(), digest_size=10).hexdigest()


@dataclass(frozen=True, slots=True)
class PremisesLocation:
    """A Location: the main surgery or a branch."""

    id: str
    name: str
    line: str
    city: str
    postcode: str
    phone: str | None


@dataclass(frozen=True, slots=True)
class StaffMember:
    """A Practitioner with the job role that schedules show; `text` is an unstructured name."""

    id: str
    user_id: str
    family: str
    given: str
    prefix: str
    gender: str | None
    role: tuple[str, str]
    text: str | None = None


GP = ("R0260", "General Medical Practitioner")
_ROLES = (
    GP,
    ("R0270", "Salaried General Practitioner"),
    ("R6200", "GP Registrar"),
    ("R1480", "Healthcare Assistant"),
    ("R1290", "Pharmacist"),
)
PHLEBOTOMIST = ("R1590", "Phlebotomist")
_NAMES = (
    ("Gilbert", "Nichole", "Dr", "female"),
    ("Okafor", "Samuel", "Dr", "male"),
    ("Whitcombe", "Imogen", "Dr", "female"),
    ("Lister", "Paul", "Mr", "male"),
    ("Rahman", "Yasmin", "Ms", "female"),
)
_TEXT_ONLY = 4
"""The clinician of `_NAMES` whose name the practice's system keeps as one text (FN-P06), without a gender."""


class Premises:
    """Organisation, places and clinicians of one practice.

    Args:
        clinicians: how many work there; the first five have one role each, and so on from the start.
    """

    def __init__(self, practice: Practice, clinicians: int) -> None:
        ods = practice.ods
        self.ods = ods
        self.main = PremisesLocation(
            logical_id(ods, "main"), practice.name, "1 Harbour Road", "Leeds", "LS1 4AP", "01132960001"
        )
        self.branch = PremisesLocation(
            logical_id(ods, "branch"),
            f"{practice.name}, Hillside branch",
            "27 Hillside",
            "Otley",
            "LS21 3AB",
            "01132960002",
        )
        self.visit = PremisesLocation(logical_id(ods, "visit"), VISIT_PLACE, "Unknown", "Unknown", "", None)
        self.places: Mapping[str, PremisesLocation] = {
            place.id: place for place in (self.main, self.branch, self.visit)
        }
        self.staff = tuple(_clinician(ods, number) for number in range(clinicians))
        self.clinicians: Mapping[str, StaffMember] = {one.id: one for one in self.staff}
        self.organisation: Json = {
            **_resource("Organization", logical_id(ods, "organisation")),
            "identifier": ods_identifier(ods),
            "name": practice.name,
            "telecom": [{"system": "phone", "value": "01132960001", "use": "work"}],
            "address": [_address(self.main)],
        }

    def location(self, place: PremisesLocation) -> Json:
        """A place as a Location."""
        phone = [{"system": "phone", "value": place.phone, "use": "work"}]
        return {
            **_resource("Location", place.id),
            "name": place.name,
            **({"telecom": phone} if place.phone else {}),
            "address": _address(place),
            "managingOrganization": {"reference": f"Organization/{self.organisation['id']}"},
        }

    def practitioner(self, clinician: StaffMember) -> Json:
        """A clinician as a Practitioner; the role stands on schedules, not here."""
        structured = {
            "use": "usual",
            "family": clinician.family,
            "given": [clinician.given],
            "prefix": [clinician.prefix],
        }
        return {
            **_resource("Practitioner", clinician.id),
            "identifier": [{"system": USER_ID, "value": clinician.user_id}],
            "name": [{"use": "usual", "text": clinician.text} if clinician.text else structured],
            **({"gender": clinician.gender} if clinician.gender else {}),
        }


def _clinician(ods: str, number: int) -> StaffMember:
    family, given, prefix, gender = _NAMES[number % len(_NAMES)]
    is_text = number % len(_NAMES) == _TEXT_ONLY
    again = number // len(_NAMES)
    return StaffMember(
        id=logical_id(ods, "clinician", number),
        user_id=f"5550{int(ods[-5:], 36) % 10_000:04d}{number:04d}",
        family=f"{family}-{_NAMES[again % len(_NAMES)][0]}" if again else family,
        given=given,
        prefix=prefix,
        gender=None if is_text else gender,
        role=_ROLES[number % len(_ROLES)],
        text=f"{prefix} {given} {family}" if is_text else None,
    )


def _resource(kind: str, id_: str) -> Json:
    profile = f"{PROFILE}CareConnect-GPC-{kind}-1"
    return {"resourceType": kind, "id": id_, "meta": {"versionId": "1", "profile": [profile]}}


def _address(place: PremisesLocation) -> Json:
    postcode = {"postalCode": place.postcode} if place.postcode else {}
    return {"use": "work", "line": [place.line], "city": place.city, **postcode}
