"""Whoever books for a hospital: asks practices of the sandbox about patients, slots and appointments."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from bridge.sandbox.appointments.rota import LONDON, RotaSlot
from bridge.sandbox.world import PRACTICE_BY_ODS
from tests.integration.sandbox.consumer import FHIR, ODS, Consumer, claims, unsigned

PREFIX = "urn:nhs:names:services:gpconnect:fhir:"
PROFILE = "https://fhir.nhs.uk/STU3/StructureDefinition/"
NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
BOOKED_BY = f"{PROFILE}Extension-GPConnect-BookingOrganisation-1"
CANCELLED_FOR = f"{PROFILE}Extension-GPConnect-AppointmentCancellationReason-1"
ORG_TYPE = "https://fhir.nhs.uk/STU3/CodeSystem/GPConnect-OrganisationType-1"
READ, WRITE, ORGANISATION = "patient/*.read", "patient/*.write", "organization/*.read"


def day(number):
    """A day so many from today, as text; days change when they do in the United Kingdom."""
    return (datetime.now(LONDON).date() + timedelta(days=number)).isoformat()


def window(first=1, last=14):
    return [
        ("start", f"ge{day(first)}"),
        ("end", f"le{day(last)}"),
        ("status", "free"),
        ("_include", "Slot:schedule"),
        ("_include:recurse", "Schedule:actor:Practitioner"),
        ("_include:recurse", "Schedule:actor:Location"),
    ]


def found(answer, kind=None):
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "searchset")
    assert all(entry.keys() == {"resource"} for entry in bundle["entry"])
    resources = [entry["resource"] for entry in bundle["entry"]]
    return [one for one in resources if kind in {None, one["resourceType"]}]


def refused(answer):
    """Status and Spine code of a practice's no."""
    (issue,) = answer.json()["issue"]
    return answer.status_code, issue["details"]["coding"][0]["code"]


def booking(patient_id, *slots, **changed):
    """An Appointment to be booked; `slots` are slots of the diary, in order. None leaves an element out."""
    schedule = slots[0].schedule
    actors = [f"Patient/{patient_id}", f"Location/{schedule.place.id}"]
    if schedule.clinician:
        actors.append(f"Practitioner/{schedule.clinician.id}")
    sound = {
        "resourceType": "Appointment",
        "meta": {"profile": [f"{PROFILE}GPConnect-Appointment-1"]},
        "contained": [organisation()],
        "extension": [{"url": BOOKED_BY, "valueReference": {"reference": "#1"}}],
        "status": "booked",
        "description": "Wound review after discharge",
        "start": slots[0].start.isoformat(),
        "end": slots[-1].end.isoformat(),
        "slot": [{"reference": f"Slot/{slot.id}"} for slot in slots],
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "participant": [{"actor": {"reference": actor}, "status": "accepted"} for actor in actors],
    }
    return {name: value for name, value in {**sound, **changed}.items() if value is not None}


def organisation(ods="RZZ01", **changed):
    sound = {
        "resourceType": "Organization",
        "id": "1",
        "meta": {"profile": [f"{PROFILE}CareConnect-GPC-Organization-1"]},
        "identifier": [{"system": ODS, "value": ods}],
        "name": "Sandbox General Hospital",
        "telecom": [{"system": "phone", "value": "01632960000"}],
    }
    return {name: value for name, value in {**sound, **changed}.items() if value is not None}


def of_type(code):
    return {"type": [{"coding": [{"system": ORG_TYPE, "code": code}]}]}


def registration(nhs_number, **changed):
    sound = {
        "resourceType": "Patient",
        "meta": {"profile": [f"{PROFILE}CareConnect-GPC-Patient-1"]},
        "identifier": [{"system": NHS_NUMBER, "value": nhs_number}],
        "name": [{"use": "official", "family": "Nobody", "given": ["Else"]}],
        "birthDate": "1950-01-01",
        "gender": "unknown",
    }
    patient = {name: value for name, value in {**sound, **changed}.items() if value is not None}
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": "registerPatient", "resource": patient}],
    }


def cancelled(appointment, reason="Patient admitted"):
    extension = {"url": CANCELLED_FOR, "valueString": reason}
    return {**appointment, "status": "cancelled", "extension": [*appointment["extension"], extension]}


@dataclass
class Reception:
    consumer: Consumer
    ods: str = "A99001"

    @property
    def sandbox(self):
        return self.consumer.sandbox

    @property
    def diary(self):
        return self.sandbox.diary(self.ods)

    def today(self):
        return self.diary.now().date()

    def patient_id(self, nhs_number):
        return self.sandbox.patients_at(self.ods).held(nhs_number).id

    def free_slots(self, count=1, *, first=1, service="Routine appointment"):
        """Free slots of one session that adjoin, open to everybody."""
        run: list[RotaSlot] = []
        for slot in self.diary.slots(first=self.today() + timedelta(days=first)):
            is_open = slot.taken_by is None and slot.service == service and slot.channel == "In-person"
            if not is_open or slot.schedule.clinician is None:
                run = []
                continue
            if run and (run[-1].schedule is not slot.schedule or run[-1].end != slot.start):
                run = []
            run.append(slot)
            if len(run) == count:
                return run
        raise AssertionError("no such slots")

    async def ask(self, operation, path, scope, *, method="GET", body=None, query=(), claim=None, **headers):
        root = f"{self.sandbox.urls['practice']}/{self.ods}/STU3/1/gpconnect"
        token = unsigned(claims(root, **{"requested_scope": scope, **(claim or {})}))
        sent = {
            "ssp-traceid": str(uuid4()),
            "ssp-from": self.consumer.asid,
            "ssp-to": PRACTICE_BY_ODS[self.ods].asid,
            "ssp-interactionid": PREFIX + operation,
            "authorization": f"Bearer {token}",
            "accept": FHIR,
            "content-type": f"{FHIR};charset=utf-8",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return await self.consumer.http.request(
            method,
            f"{self.sandbox.urls['proxy']}/{root}{path}",
            params=list(query),
            headers=sent,
            content=None if body is None else json.dumps(body).encode(),
        )

    async def search(self, query=None):
        return await self.ask("rest:search:slot-1", "/Slot", ORGANISATION, query=query or window())

    async def find(self, nhs_number, system=NHS_NUMBER):
        query = [("identifier", f"{system}|{nhs_number}")]
        return await self.ask("rest:search:patient-1", "/Patient", READ, query=query)

    async def book(self, body, **more):
        operation = "rest:create:appointment-1"
        return await self.ask(operation, "/Appointment", WRITE, method="POST", body=body, **more)

    async def booked(self, nhs_number, *slots, **changed):
        answer = await self.book(booking(self.patient_id(nhs_number), *slots, **changed))
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def read(self, appointment_id):
        return await self.ask("rest:read:appointment-1", f"/Appointment/{appointment_id}", READ)

    async def retrieve(self, patient_id, query=None):
        query = query or [("start", f"ge{day(0)}"), ("start", f"le{day(40)}")]
        operation = "rest:search:patient_appointments-1"
        return await self.ask(operation, f"/Patient/{patient_id}/Appointment", READ, query=query)

    async def amend(self, body, *, version=None, id_=None):
        return await self._put("rest:update:appointment-1", body, version, id_)

    async def cancel(self, body, *, version=None, id_=None):
        return await self._put("rest:cancel:appointment-1", body, version, id_)

    async def _put(self, operation, body, version, id_):
        match = version if version is not None else f'W/"{body["meta"]["versionId"]}"'
        path = f"/Appointment/{id_ or body['id']}"
        return await self.ask(operation, path, WRITE, method="PUT", body=body, if_match=match)

    async def register(self, body):
        operation = "operation:gpc.registerpatient-1"
        return await self.ask(operation, "/Patient/$gpc.registerpatient", WRITE, method="POST", body=body)
