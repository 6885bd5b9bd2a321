"""Finding out what became of a call whose answer was lost, by asking and never by sending it again.

GP Connect has no idempotency key, so the practice's diary is the only witness. Each method here says that it
happened, or that it did not, or raises `Unavailable` where that cannot be known: any failure to ask,
the practice's refusal to answer included, and a day that is over, about which practices tell nothing.

Wait at least the proxy's time-out before settling: until then the lost call may still be under way.
Source: appointments digest §10; appointments_use_case_retrieve_a_patients_appointments.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime

from bridge.errors import AppointmentRefused, FailureCode, Refused, Unavailable
from bridge.gpconnect.appointments import PracticeDiary
from bridge.gpconnect.booking import PracticeBooking, utc_now
from bridge.gpconnect.practice_call import entries
from bridge.gpconnect.resources import StoredAppointment
from bridge.gpconnect.windows import LONDON, today
from bridge.values import dataclass


@dataclass(frozen=True)
class Settling(PracticeDiary):
    """What became of bookings, amendments and cancellations."""

    async def find_booking(self, booking: PracticeBooking) -> StoredAppointment | None:
        """The appointment that a booking made; None when it made none.

        It may be cancelled by now: then only one that was created at the very time of the booking counts.

        Raises:
            Unavailable: it cannot be known.
        """
        with _knowable():
            _ensure_tellable(booking.start)
            first, last = _day(booking.start), _day(booking.end)
            listed = await self.patient_appointments(booking.patient, first, last)
        ours = [stored for stored in listed.found if _is_of(stored, booking)]
        booked = [stored for stored in ours if stored.status != "cancelled"]
        again = [stored for stored in ours if stored.created == booking.created.replace(microsecond=0)]
        return next(iter([each for each in again if each in booked] + booked + again), None)

    async def is_still_free(self, booking: PracticeBooking) -> bool:
        """Whether every slot of a booking that was not made can be had.

        Raises:
            Unavailable: it cannot be known.
        """
        if booking.start <= utc_now():
            return False
        with _knowable():
            searched_as = booking.first_slot.organisation_type
            answers = await self.search_slots(booking.window, organisation_type=searched_as)
            bundles = [answer.bundle() for answer in answers]
        free = {f"Slot/{slot.get('id')}" for bundle in bundles for slot in entries(bundle, "Slot")}
        return booking.slot_references <= free

    async def settle_amend(
        self, stored: StoredAppointment, *, description: str | None = None, comment: str | None = None
    ) -> StoredAppointment | None:
        """The amended appointment; None when it is as it was, and the amendment may be sent again.

        Args:
            stored: as it was when the amendment was sent.
            description: as it was sent.
            comment: as it was sent.

        Raises:
            AppointmentRefused: ``version_conflict``: somebody else changed it; ``not_found``.
            Unavailable: it cannot be known.
        """
        now = await self._as_it_is(stored)
        before, after = (stored.description, stored.comment), (now.description, now.comment)
        wanted = (description or stored.description, stored.comment if comment is None else comment or None)
        if after == wanted:
            return now
        if after != before and _holds(now, wanted):  # practices may join the two texts
            return now
        if after == before and now.version == stored.version:
            return None
        raise AppointmentRefused("version_conflict", detail="changed otherwise")

    async def settle_cancel(self, stored: StoredAppointment) -> StoredAppointment | None:
        """The cancelled appointment, whoever cancelled it; None when it stands as it was.

        Raises:
            AppointmentRefused: ``version_conflict``: somebody else changed it; ``not_found``.
            Unavailable: it cannot be known.
        """
        now = await self._as_it_is(stored)
        if now.status == "cancelled":
            return now
        if now.version == stored.version:
            return None
        raise AppointmentRefused("version_conflict", detail="changed otherwise")

    async def _as_it_is(self, stored: StoredAppointment) -> StoredAppointment:
        """The appointment now: by its id, or from the patient's list of today once it has begun."""
        patient = next(iter(stored.participants("Patient")), None)
        if patient is None or stored.start is None:
            raise Unavailable(FailureCode.OUTCOME_UNKNOWN, stage="provider", detail="appointment_incomplete")
        with _knowable():
            if stored.start > utc_now():
                return await self.read_appointment(stored.id, patient=patient)
            _ensure_tellable(stored.start)
            day = _day(stored.start)
            for each in (await self.patient_appointments(patient, day, day)).found:
                if each.id == stored.id:
                    return each
            raise AppointmentRefused("not_found")


def _is_of(stored: StoredAppointment, booking: PracticeBooking) -> bool:
    """The same slots for this patient decide; that it is no other organisation's, who booked it."""
    if stored.booked_by not in (None, booking.organisation.ods_code):
        return False
    if stored.slots:
        return stored.slots == booking.slot_references
    places = {place.id for place in stored.participants("Location")}
    same_time = stored.start == booking.start and stored.end == booking.end
    return same_time and (not places or booking.first_slot.location_id in places)


def _holds(stored: StoredAppointment, texts: tuple[str | None, str | None]) -> bool:
    held = "\n".join(text for text in (stored.description, stored.comment) if text)
    return all(text in held for text in texts if text)


def _day(moment: datetime) -> date:
    return moment.astimezone(LONDON).date()


def _ensure_tellable(start: datetime) -> None:
    if _day(start) < today():  # no part of a range may be in the past (AP-095)
        raise Unavailable(FailureCode.OUTCOME_UNKNOWN, stage="provider", detail="day_is_over")


@contextmanager
def _knowable() -> Iterator[None]:
    """Around a question: a refusal to answer says nothing about what happened; "not found" does."""
    try:
        yield
    except AppointmentRefused:
        raise
    except Refused as refusal:
        raise Unavailable(
            FailureCode.OUTCOME_UNKNOWN, stage=refusal.stage, detail=refusal.detail
        ) from refusal
