"""The appointment book of a practice: free slots, who holds which, and what became of every appointment.

Nothing here waits for anything, and a lock guards each change, so of any number who want a slot one gets it.
The practice's own staff use the same book: what they do is in the methods whose names begin with ``staff_``.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from threading import RLock
from typing import Any

from bridge.sandbox.appointments.entries import BookingWish, Change, DiaryAppointment
from bridge.sandbox.appointments.premises import Premises, logical_id
from bridge.sandbox.appointments.rota import BY_PRACTICE, LONDON, RotaSlot, Schedule, day_of
from bridge.sandbox.outcomes import Refusal
from bridge.sandbox.world import Practice

Json = dict[str, Any]
Clock = Callable[[], datetime]

VISIT = "Visit"
_DESCRIPTION_LIMIT, _COMMENT_LIMIT = 100, 500


class Diary:
    """One practice's book.

    Attributes:
        joins_text: whether description and comment are kept as one text (AP-P08).
        limits: how many appointments an organisation may hold at a time, by ODS code (AP-P10).

    Args:
        seed: of the rota: which slots there are, and which are given away already.
        weeks: how far ahead the rota is made.
        clock: what time it is.
    """

    def __init__(
        self, practice: Practice, premises: Premises, *, seed: int, weeks: int, clock: Clock
    ) -> None:
        self.practice = practice
        self.premises = premises
        self.joins_text = practice.joins_text
        self.limits: dict[str, int] = {}
        self._seed = seed
        self._horizon = timedelta(weeks=weeks)
        self._clock = clock
        self._lock = RLock()
        self._filled_to: date | None = None
        self._days: dict[date, list[RotaSlot]] = {}
        self._slots: dict[str, RotaSlot] = {}
        self._appointments: dict[str, DiaryAppointment] = {}

    def now(self) -> datetime:
        """The time, in the United Kingdom."""
        return self._clock().astimezone(LONDON)

    def slots(self, *, first: date | None = None, last: date | None = None) -> Iterator[RotaSlot]:
        """Every slot of these days, taken or not, in the order of the rota."""
        with self._lock:
            self._fill()
            days = [
                slots
                for day, slots in self._days.items()
                if (first is None or day >= first) and (last is None or day <= last)
            ]
        for slots in days:
            yield from slots

    def slot(self, slot_id: str) -> RotaSlot | None:
        """One slot by its id."""
        with self._lock:
            self._fill()
            return self._slots.get(slot_id)

    def free(self, start: datetime, end: datetime, org_type: str | None, ods: str | None) -> list[RotaSlot]:
        """What a search finds: free, wholly inside, in its booking window and for such an organisation."""
        if self._is_at_limit(ods):
            return []
        return [
            slot
            for slot in self.slots(first=start.astimezone(LONDON).date(), last=end.astimezone(LONDON).date())
            if slot.taken_by is None
            and slot.is_bookable
            and slot.channel != VISIT
            and start <= slot.start
            and slot.end <= end
            and self._is_released(slot)
            and slot.is_for(org_type, ods)
        ]

    def appointments(self) -> list[DiaryAppointment]:
        """All of them, cancelled ones too, oldest first."""
        return list(self._appointments.values())

    def appointment(self, appointment_id: str) -> DiaryAppointment:
        """One appointment.

        Raises:
            Refusal: there is none with this id.
        """
        found = self._appointments.get(appointment_id)
        if found is None:
            raise Refusal("NO_RECORD_FOUND", "no appointment with this id")
        return found

    def number_of(self, appointment_id: str) -> str | None:
        """The NHS number of whoever has an appointment."""
        found = self._appointments.get(appointment_id)
        return found.nhs_number if found else None

    def book(self, wish: BookingWish) -> DiaryAppointment:
        """Book, if every rule of §4 holds; the slots are taken in the same breath.

        Raises:
            Refusal: naming the first rule that does not hold.
        """
        with self._lock:
            slots = self._wanted(wish)
            if any(slot.taken_by for slot in slots):
                raise Refusal("DUPLICATE_REJECTED", "a slot is no longer free")
            if not all(self._may_have(slot, wish) for slot in slots):
                raise Refusal("INVALID_RESOURCE", "a slot is not offered to this organisation at this time")
            if self._is_at_limit(wish.organisation_ods):
                raise Refusal("INVALID_RESOURCE", "the organisation has reached its limit of slots")
            description, comment = self._kept(wish.description, wish.comment)
            appointment = DiaryAppointment(
                id=self._next_id(),
                patient_id=wish.patient_id,
                nhs_number=wish.nhs_number,
                slots=tuple(slots),
                created=wish.created,
                description=description,
                comment=comment,
                organisation=wish.organisation,
                organisation_ods=wish.organisation_ods,
            )
            return self._enter(appointment, wish.trace_id)

    def amend(
        self,
        appointment_id: str,
        *,
        description: str | None,
        comment: str | None,
        organisation: str | None = None,
        trace_id: str | None = None,
    ) -> DiaryAppointment:
        """Give an appointment other texts.

        Raises:
            Refusal: it is past, cancelled or a visit, or a text is too long.
        """
        with self._lock:
            appointment = self._changeable(appointment_id)
            _check_lengths(
                description if description != appointment.description else None,
                comment if comment != appointment.comment else None,
            )
            if not description:
                raise Refusal("INVALID_RESOURCE", "description is needed")
            appointment.description, appointment.comment = self._kept(description, comment)
            appointment.version += 1
            return self._note(appointment, "amended", organisation, trace_id)

    def cancel(
        self,
        appointment_id: str,
        reason: str,
        *,
        organisation: str | None = None,
        trace_id: str | None = None,
    ) -> DiaryAppointment:
        """Cancel an appointment: its slots are free at once.

        Raises:
            Refusal: it is past, cancelled already, or a visit.
        """
        with self._lock:
            appointment = self._changeable(appointment_id)
            appointment.status = "cancelled"
            appointment.cancellation_reason = reason
            if not self.practice.keeps_version:
                appointment.version += 1
            for slot in appointment.slots:
                slot.taken_by = None
            return self._note(appointment, "cancelled", organisation, trace_id)

    def staff_take(self, slot_id: str) -> None:
        """Give a free slot away, as happens between somebody's search and their booking (AP-P04)."""
        slot = self.slot(slot_id)
        if slot and slot.taken_by is None:
            slot.taken_by = BY_PRACTICE

    def staff_book(
        self, patient_id: str, nhs_number: str, slots: tuple[RotaSlot, ...], *, description: str | None = None
    ) -> DiaryAppointment:
        """Book outside GP Connect: whatever slots, whenever, and for no other organisation (AP-P07)."""
        with self._lock:
            created = self.now().replace(microsecond=0).isoformat()
            appointment = DiaryAppointment(
                id=self._next_id(),
                patient_id=patient_id,
                nhs_number=nhs_number,
                slots=slots,
                created=created,
                description=description,
                comment=None,
                organisation=None,
                organisation_ods=None,
            )
            return self._enter(appointment, None)

    def staff_add(self, slot: RotaSlot) -> RotaSlot:
        """Put a slot into the book that the rota does not have."""
        with self._lock:
            self._fill()
            self._days.setdefault(slot.start.date(), []).append(slot)
            self._slots[slot.id] = slot
            return slot

    def staff_touch(self, appointment_id: str) -> DiaryAppointment:
        """Save an appointment unchanged: it has a new version, and what others hold is stale."""
        with self._lock:
            appointment = self.appointment(appointment_id)
            appointment.version += 1
            return self._note(appointment, "touched", None, None)

    def staff_hand_over(self, schedule: Schedule, clinician_id: str) -> None:
        """Let somebody else hold a session; its appointments show it in later reads (AP-P13)."""
        with self._lock:
            schedule.clinician = self.premises.clinicians[clinician_id]
            schedule.role = schedule.clinician.role
            for appointment in self._appointments.values():
                if appointment.schedule is schedule:
                    self.staff_touch(appointment.id)

    def _fill(self) -> None:
        """Make the rota as far ahead as it goes today."""
        today = self.now().date()
        last = today + self._horizon
        if self._filled_to == last:
            return
        day = today if self._filled_to is None else self._filled_to + timedelta(days=1)
        while day <= last:
            made = list(day_of(self.premises, day, self._seed))
            self._days.setdefault(day, []).extend(made)
            self._slots.update((slot.id, slot) for slot in made)
            day += timedelta(days=1)
        self._filled_to = max(last, self._filled_to or last)

    def _is_released(self, slot: RotaSlot) -> bool:
        # A past slot was released once: a search over the past finds it, and nobody can book it.
        return slot.opens is None or slot.start - self.now() <= slot.opens

    def _may_have(self, slot: RotaSlot, wish: BookingWish) -> bool:
        is_for = slot.is_for(wish.organisation_type, wish.organisation_ods)
        return slot.is_bookable and is_for and self._is_released(slot)

    def _is_at_limit(self, ods: str | None) -> bool:
        limit = self.limits.get(ods) if ods else None
        if limit is None:
            return False
        held = [one for one in self._appointments.values() if one.organisation_ods == ods]
        return sum(one.status == "booked" for one in held) >= limit

    def _wanted(self, wish: BookingWish) -> list[RotaSlot]:
        """The slots of a wish, in order, as far as they need not be free."""
        self._fill()
        found = [self._slots.get(slot_id) for slot_id in wish.slot_ids]
        slots = sorted((slot for slot in found if slot), key=lambda slot: slot.start)
        if len(slots) != len(found):
            raise Refusal("REFERENCE_NOT_FOUND", "a slot is not known here")
        if slots[0].start <= self.now():
            raise Refusal("INVALID_RESOURCE", "the appointment must start in the future")
        for before, after in pairwise(slots):
            if before.end != after.start:
                raise Refusal("INVALID_RESOURCE", "the slots are not adjacent")
            if before.schedule is not after.schedule:
                raise Refusal("INVALID_RESOURCE", "the slots are of different schedules")
            if (before.channel, before.service) != (after.channel, after.service):
                raise Refusal("INVALID_RESOURCE", "the slots differ in delivery channel or service type")
        if any(slot.channel == VISIT for slot in slots):
            raise Refusal("INVALID_RESOURCE", "visits cannot be booked")
        if (wish.start, wish.end) != (slots[0].start, slots[-1].end):
            raise Refusal("INVALID_RESOURCE", "start and end are not those of the slots")
        _check_lengths(wish.description, wish.comment)
        return slots

    def _changeable(self, appointment_id: str) -> DiaryAppointment:
        appointment = self.appointment(appointment_id)
        if appointment.status == "cancelled":
            raise Refusal("INVALID_RESOURCE", "the appointment is cancelled")
        if appointment.start <= self.now():
            raise Refusal("INVALID_RESOURCE", "the appointment is in the past")
        if appointment.slots[0].channel == VISIT:
            raise Refusal("INVALID_RESOURCE", "a visit cannot be changed through GP Connect")
        return appointment

    def _kept(self, description: str | None, comment: str | None) -> tuple[str | None, str | None]:
        """The texts as this practice keeps them: never cut, sometimes joined."""
        if self.joins_text and description and comment:
            return f"{description} {comment}", None
        return description, comment

    def _next_id(self) -> str:
        return logical_id(self.practice.ods, "appointment", self._seed, len(self._appointments) + 1)

    def _enter(self, appointment: DiaryAppointment, trace_id: str | None) -> DiaryAppointment:
        for slot in appointment.slots:
            slot.taken_by = appointment.id
        self._appointments[appointment.id] = appointment
        return self._note(appointment, "booked", appointment.organisation_ods, trace_id)

    def _note(
        self, appointment: DiaryAppointment, action: str, organisation: str | None, trace_id: str | None
    ) -> DiaryAppointment:
        change = Change(
            at=self.now(),
            action=action,
            version=appointment.version,
            status=appointment.status,
            description=appointment.description,
            comment=appointment.comment,
            organisation=organisation,
            trace_id=trace_id,
        )
        appointment.history.append(change)
        return appointment


def _check_lengths(description: str | None, comment: str | None) -> None:
    """Refuse a text that is too long; it is never cut."""
    if len(description or "") > _DESCRIPTION_LIMIT or len(comment or "") > _COMMENT_LIMIT:
        raise Refusal("INVALID_RESOURCE", "description or comment is too long")
