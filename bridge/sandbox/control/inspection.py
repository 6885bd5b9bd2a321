"""An appointment book as JSON, for tests in another process that compare it with what they asked for."""

from typing import Any

from bridge.sandbox.appointments.diary import Diary
from bridge.sandbox.appointments.entries import Change, DiaryAppointment

Json = dict[str, Any]


def diary_json(diary: Diary) -> Json:
    """Every appointment with its history, oldest first, and what each slot that is taken is taken by."""
    return {
        "ods": diary.practice.ods,
        "appointments": [appointment_json(one) for one in diary.appointments()],
        "taken": {slot.id: slot.taken_by for slot in diary.slots() if slot.taken_by},
    }


def appointment_json(appointment: DiaryAppointment) -> Json:
    """One appointment as it is now, and how it came to be so."""
    return {
        "id": appointment.id,
        "patient_id": appointment.patient_id,
        "nhs_number": appointment.nhs_number,
        "status": appointment.status,
        "version": appointment.version,
        "slots": [slot.id for slot in appointment.slots],
        "start": appointment.start.isoformat(),
        "end": appointment.end.isoformat(),
        "organisation": appointment.organisation_ods,
        "created": appointment.created,
        "description": appointment.description,
        "comment": appointment.comment,
        "cancellation_reason": appointment.cancellation_reason,
        "history": [_change(one) for one in appointment.history],
    }


def _change(change: Change) -> Json:
    return {
        "at": change.at.isoformat(),
        "action": change.action,
        "version": change.version,
        "status": change.status,
        "description": change.description,
        "comment": change.comment,
        "organisation": change.organisation,
        "trace_id": change.trace_id,
    }
