"""What stands in the appointment books before anybody asks. `scenarios` says for whom."""

from datetime import datetime, time, timedelta
from itertools import islice

from bridge.sandbox.appointments.diary import VISIT, Diary
from bridge.sandbox.appointments.entries import BookingWish, DiaryAppointment
from bridge.sandbox.appointments.premises import logical_id
from bridge.sandbox.appointments.rota import RotaSlot, Schedule, uk
from bridge.sandbox.patients import Resident

_OTHER_ODS = "RZZ02"


def of_every_kind(diary: Diary, patient: Resident) -> None:
    """Earlier today; and days ahead the practice's own, another organisation's, and a cancelled one."""
    now = diary.now()
    _book(diary, patient, (_extra(diary, patient, uk(now.date(), time())),), "Seen this morning")
    ahead = diary.slots(first=now.date() + timedelta(days=3))
    own, other, cancelled = islice((slot for slot in ahead if _is_open_to_all(slot)), 3)
    _book(diary, patient, (own,), "Annual review")
    diary.book(_wish(patient, other))
    called_off = _book(diary, patient, (cancelled,), "Not needed any more")
    diary.cancel(called_off.id, "Patient recovered")


def home_visit(diary: Diary, patient: Resident) -> None:
    """A visit in two days: read only, at a place that is none (1.2.9)."""
    day = diary.now().date() + timedelta(days=2)
    visit = _extra(diary, patient, uk(day, time(11, 30)), channel=VISIT)
    _book(diary, patient, (visit,), "Home visit")


def _is_open_to_all(slot: RotaSlot) -> bool:
    return slot.taken_by is None and slot.is_bookable and slot.opens is None and slot.is_for(None, None)


def _book(diary: Diary, patient: Resident, slots: tuple[RotaSlot, ...], description: str) -> DiaryAppointment:
    return diary.staff_book(patient.id, patient.nhs_number, slots, description=description)


def _extra(diary: Diary, patient: Resident, start: datetime, *, channel: str = "In-person") -> RotaSlot:
    """A slot that the rota does not have."""
    premises = diary.premises
    clinician = premises.staff[0]
    key = (premises.ods, patient.id, channel)
    schedule = Schedule(
        logical_id(*key, "schedule"), "Extra", start.date(), premises.main, clinician, clinician.role
    )
    end = start + timedelta(minutes=10)
    return diary.staff_add(
        RotaSlot(logical_id(*key), schedule, start, end, "Extra appointment", channel, is_bookable=False)
    )


def _wish(patient: Resident, slot: RotaSlot) -> BookingWish:
    organisation = {
        "resourceType": "Organization",
        "id": "1",
        "meta": {"profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-Organization-1"]},
        "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": _OTHER_ODS}],
        "name": "Sandbox Community Services",
        "telecom": [{"system": "phone", "value": "01132960020"}],
    }
    return BookingWish(
        patient_id=patient.id,
        nhs_number=patient.nhs_number,
        slot_ids=(slot.id,),
        start=slot.start,
        end=slot.end,
        created="2025-11-03T10:15:00+00:00",
        description="Dressing change",
        comment=None,
        organisation=organisation,
        organisation_ods=_OTHER_ODS,
        organisation_type=None,
        trace_id=None,
    )
