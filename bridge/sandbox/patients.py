"""The patients a practice has: its index, and each of them as Foundations shows them (foundations.md §3)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bridge.record.nhs_number import NHS_NUMBER_SYSTEM
from bridge.sandbox.appointments.premises import Premises, PremisesLocation, logical_id
from bridge.sandbox.people import Held, PdsRegistration, Person, RegistrationState, Trace
from bridge.sandbox.structured.elements import CODES, PROFILE, at_home, coded, extension, verified

Json = dict[str, Any]

REGISTRATION_TYPES = {"R": "Regular/GMS", "T": "Temporary"}
_EVERY = 3
"""Of so many patients one prefers the branch, and one needs an interpreter."""


@dataclass(slots=True)
class Resident:
    """One patient in a practice's index.

    Attributes:
        id: valid at this practice only.
        kind: ``R`` registered, ``T`` temporary.
        since: when this registration began, date-time with offset.
        contacts: address, telecom and language that a consumer gave when registering the patient.
    """

    id: str
    nhs_number: str
    person: Person
    standing: RegistrationState
    is_sensitive: bool
    preferred: PremisesLocation
    needs_interpreter: bool
    kind: str = "R"
    since: str = "2010-01-01T00:00:00+00:00"
    version: int = 1
    contacts: Json = field(default_factory=dict)


def agree(person: Person, other: Person) -> bool:
    """Whether two records are of the same person: birth date, or two thirds of it and the name (§5.2)."""
    if person.birth_date == other.birth_date:
        return True
    parts = zip(person.birth_date.split("-"), other.birth_date.split("-"), strict=False)
    same_parts = sum(one == two for one, two in parts)
    same_family = person.family[:3].casefold() == other.family[:3].casefold()
    same_given = person.given[0][:1].casefold() == other.given[0][:1].casefold()
    return same_parts >= 2 and same_family and same_given  # noqa: PLR2004 - two of three


class PatientIndex:
    """Who a practice knows.

    Args:
        held: what it holds at the start.
        on_pds: everybody that PDS knows, for those the practice has never traced.
    """

    def __init__(
        self, premises: Premises, held: Iterable[Held], on_pds: Mapping[str, PdsRegistration]
    ) -> None:
        self._premises = premises
        self._on_pds = on_pds
        self._by_number: dict[str, Resident] = {}
        self._by_id: dict[str, Resident] = {}
        for one in held:
            self._add(one.registration, one.person, one.standing)

    def __iter__(self) -> Iterator[Resident]:
        return iter(list(self._by_number.values()))

    def find(self, nhs_number: str) -> Resident | None:
        """Whoever a search finds: active, verified, and not sensitive."""
        resident = self._by_number.get(nhs_number)
        return resident if resident and self._is_shown(resident) else None

    def read(self, patient_id: str) -> Resident | None:
        """The patient of a logical id, under the same conditions."""
        resident = self._by_id.get(patient_id)
        return resident if resident and self._is_shown(resident) else None

    def held(self, nhs_number: str) -> Resident | None:
        """What the index holds of a number, shown or not."""
        return self._by_number.get(nhs_number)

    def number_of(self, patient_id: str) -> str | None:
        """The NHS number behind a logical id."""
        resident = self._by_id.get(patient_id)
        return resident.nhs_number if resident else None

    def register(
        self, registration: PdsRegistration, person: Person, contacts: Json, now: datetime
    ) -> Resident:
        """Make a temporary patient, or bring a lapsed record back as one."""
        resident = self._by_number.get(registration.nhs_number)
        if resident is None:
            resident = self._add(registration, person, RegistrationState.ACTIVE)
        else:
            resident.version += 1
        resident.standing = RegistrationState.ACTIVE
        resident.kind = "T"
        resident.since = now.replace(microsecond=0).isoformat()
        resident.contacts = contacts
        return resident

    def _add(self, registration: PdsRegistration, person: Person, standing: RegistrationState) -> Resident:
        number = registration.nhs_number
        place = int(number[-3:-1])
        resident = Resident(
            id=logical_id(self._premises.ods, "patient", number),
            nhs_number=number,
            person=person,
            standing=standing,
            is_sensitive=registration.trace is Trace.RESTRICTED,
            preferred=self._premises.main if place % _EVERY else self._premises.branch,
            needs_interpreter=place % _EVERY == 1,
        )
        self._by_number[number] = self._by_id[resident.id] = resident
        return resident

    def _is_shown(self, resident: Resident) -> bool:
        if resident.is_sensitive or resident.standing is RegistrationState.LAPSED:
            return False
        if resident.standing is RegistrationState.UNTRACED:
            # The practice traces before it answers, and leaves out whom PDS does not confirm (§3).
            known = self._on_pds.get(resident.nhs_number)
            return known is not None and known.trace is Trace.CURRENT and agree(resident.person, known.person)
        return True


def patient_resource(resident: Resident, premises: Premises) -> Json:
    """A patient with all that Foundations shows when it is held, and nothing that it never shows."""
    person = resident.person
    display = REGISTRATION_TYPES[resident.kind]
    kind = coded(resident.kind, display, system=CODES + "CareConnect-RegistrationType-1")
    details: list[Json] = [
        {"url": "registrationPeriod", "valuePeriod": {"start": resident.since}},
        {"url": "registrationType", "valueCodeableConcept": kind},
        {
            "url": "preferredBranchSurgery",
            "valueReference": {"reference": f"Location/{resident.preferred.id}"},
        },
    ]
    own = at_home(person)
    language = resident.contacts.get("language") or _language(needs_interpreter=resident.needs_interpreter)
    return {
        "resourceType": "Patient",
        "id": resident.id,
        "meta": {
            "versionId": str(resident.version),
            "profile": [f"{PROFILE}CareConnect-GPC-Patient-1"],
        },
        "extension": [extension("RegistrationDetails", extension=details), language],
        "identifier": [{**verified(), "system": NHS_NUMBER_SYSTEM, "value": resident.nhs_number}],
        "active": True,
        "name": [
            {
                "use": "official",
                "family": person.family,
                "given": list(person.given),
                **({"prefix": [person.prefix]} if person.prefix else {}),
            }
        ],
        "gender": person.gender,
        "birthDate": person.birth_date,
        **{name: resident.contacts.get(name) or own[name] for name in ("telecom", "address")},
        "contact": [
            {
                "relationship": [{"text": "Emergency contact"}],
                "name": {"use": "usual", "text": "A neighbour"},
                "telecom": [{"system": "phone", "value": "01632960999", "use": "home"}],
            }
        ],
        "generalPractitioner": [{"reference": f"Practitioner/{premises.staff[0].id}"}],
        "managingOrganization": {"reference": f"Organization/{premises.organisation['id']}"},
    }


def _language(*, needs_interpreter: bool) -> Json:
    code, display = ("pl", "Polish") if needs_interpreter else ("en", "English")
    language = coded(code, display, system=CODES + "CareConnect-HumanLanguage-1")
    return extension(
        "NHSCommunication",
        extension=[
            {"url": "language", "valueCodeableConcept": language},
            {"url": "interpreterRequired", "valueBoolean": needs_interpreter},
        ],
    )
