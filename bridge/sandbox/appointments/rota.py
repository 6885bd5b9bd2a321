"""The rota of a practice: which sessions are held on a day, and the slots they are cut into.

The same seed, practice and date give the same slots with the same ids, whenever they are asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from bridge.sandbox.appointments.premises import (
    PHLEBOTOMIST,
    Premises,
    PremisesLocation,
    StaffMember,
    logical_id,
)

LONDON = ZoneInfo("Europe/London")
_SATURDAY = 5
_TAKEN_OF_16 = 3
"""Of sixteen slots so many were given away by the practice itself before anybody asked."""


def uk(day: date, at: time = time()) -> datetime:
    """A time of day in the United Kingdom, with the offset of that day: +01:00 in summer."""
    local = datetime.combine(day, at, LONDON)
    return local.replace(tzinfo=timezone(local.utcoffset() or timedelta()))


@dataclass(slots=True)
class Schedule:
    """One session of one day. `clinician` and `place` may change while slots are booked (AP-P13)."""

    id: str
    name: str
    day: date
    place: PremisesLocation
    clinician: StaffMember | None
    role: tuple[str, str]


@dataclass(slots=True)
class RotaSlot:
    """One slot, and who may have it.

    Attributes:
        start, end: with the offset that the United Kingdom has then.
        org_type: the only type of organisation that may book it; None is without restriction.
        ods: the only organisations that may book it; empty is without restriction.
        opens: how long before its start it can first be booked; None is always.
        is_bookable: whether the practice offers it through GP Connect at all.
        taken_by: id of the appointment that holds it, or `BY_PRACTICE`; None when it is free.
    """

    id: str
    schedule: Schedule
    start: datetime
    end: datetime
    service: str
    channel: str = "In-person"
    org_type: str | None = None
    ods: frozenset[str] = frozenset()
    opens: timedelta | None = None
    is_bookable: bool = True
    taken_by: str | None = None
    encoded: bytes | None = field(default=None, repr=False)

    def is_open_at(self, now: datetime) -> bool:
        """Whether it lies ahead and its booking window has begun."""
        return self.start > now and (self.opens is None or self.start - now <= self.opens)

    def is_for(self, org_type: str | None, ods: str | None) -> bool:
        """Whether the practice offers it to such an organisation (§3.4)."""
        return self.org_type in {None, org_type} and (not self.ods or ods in self.ods)


BY_PRACTICE = "practice"


@dataclass(frozen=True, slots=True, kw_only=True)
class _RotaSession:
    """What a clinician does on each morning or afternoon.

    `odd` says what single slots are instead: their number to channel and service.
    """

    name: str
    at: time
    minutes: int
    service: str
    slots: int = 10
    channel: str = "In-person"
    is_at_branch: bool = False
    gap_after: int | None = None
    odd: tuple[tuple[int, str, str], ...] = ()
    org_type: str | None = None
    ods: frozenset[str] = frozenset()
    opens: timedelta | None = None
    is_bookable: bool = True
    is_daily: bool = False


_MORNING, _AFTERNOON = time(8, 30), time(14)
_GP_SESSIONS = (
    _RotaSession(
        name="General Medical Morning",
        at=_MORNING,
        minutes=10,
        service="Routine appointment",
        gap_after=5,
        odd=((7, "Telephone", "Routine appointment"), (9, "In-person", "Urgent appointment")),
        is_daily=True,
    ),
    _RotaSession(
        name="Telephone Surgery",
        at=_AFTERNOON,
        minutes=10,
        service="Telephone appointment",
        channel="Telephone",
        is_daily=True,
    ),
)
# The sessions of the first five clinicians, then of those with the same role.
_SESSIONS = (
    _GP_SESSIONS,
    (
        _RotaSession(
            name="Branch Surgery", at=_MORNING, minutes=10, service="Routine appointment", is_at_branch=True
        ),
        _RotaSession(
            name="Video Clinic", at=_AFTERNOON, minutes=15, service="Video consultation", channel="Video"
        ),
    ),
    (
        _RotaSession(name="Registrar Morning", at=_MORNING, minutes=20, service="Routine appointment"),
        # Released two days before, and for urgent care only.
        _RotaSession(
            name="Urgent Afternoon",
            at=_AFTERNOON,
            minutes=10,
            service="Urgent appointment",
            org_type="urgent-care",
            opens=timedelta(days=2),
        ),
    ),
    (
        _RotaSession(name="Nurse Clinic", at=_MORNING, minutes=15, service="Nurse appointment"),
        _RotaSession(
            name="Discharge Follow-up",
            at=_AFTERNOON,
            minutes=15,
            service="Wound review",
            ods=frozenset({"RZZ01"}),
        ),
    ),
    (
        _RotaSession(
            name="Pharmacist Morning",
            at=_MORNING,
            minutes=15,
            service="Medication review",
            channel="Telephone",
        ),
        _RotaSession(
            name="Shared Afternoon",
            at=_AFTERNOON,
            minutes=15,
            service="Medication review",
            org_type="gp-practice",
            ods=frozenset({"RZZ02"}),
        ),
    ),
)
# Held by whoever is there: schedules without a practitioner.
_CLINICS = (
    _RotaSession(
        name="Phlebotomy Clinic",
        at=_MORNING,
        minutes=5,
        slots=12,
        service="Blood test",
        is_at_branch=True,
    ),
    _RotaSession(
        name="Staff Clinic", at=_AFTERNOON, minutes=10, slots=6, service="Staff only", is_bookable=False
    ),
)


def day_of(premises: Premises, day: date, seed: int) -> Iterator[RotaSlot]:
    """The slots of one day, session by session; at weekends the daily sessions only."""
    held: list[tuple[StaffMember | None, _RotaSession]] = [
        (clinician, session)
        for number, clinician in enumerate(premises.staff)
        for session in _SESSIONS[number % len(_SESSIONS)]
    ]
    held += [(None, session) for session in _CLINICS]
    for clinician, session in held:
        if session.is_daily or day.weekday() < _SATURDAY:
            yield from _slots(premises, day, clinician, session, seed)


def _slots(
    premises: Premises, day: date, clinician: StaffMember | None, session: _RotaSession, seed: int
) -> Iterator[RotaSlot]:
    key = (seed, premises.ods, day, clinician.id if clinician else "", session.name)
    schedule = Schedule(
        id=logical_id(*key),
        name=session.name,
        day=day,
        place=premises.branch if session.is_at_branch else premises.main,
        clinician=clinician,
        role=clinician.role if clinician else PHLEBOTOMIST,
    )
    odd = {number: (channel, service) for number, channel, service in session.odd}
    first, length = uk(day, session.at), timedelta(minutes=session.minutes)
    for number in range(session.slots):
        # A break of one slot's length: what is before it is not adjacent to what comes after.
        has_paused = session.gap_after is not None and number >= session.gap_after
        start = first + length * (number + has_paused)
        channel, service = odd.get(number, (session.channel, session.service))
        id_ = logical_id(*key, number)
        yield RotaSlot(
            id=id_,
            schedule=schedule,
            start=start,
            end=start + length,
            service=service,
            channel=channel,
            org_type=session.org_type,
            ods=session.ods,
            opens=session.opens,
            is_bookable=session.is_bookable,
            taken_by=BY_PRACTICE if int(id_[-1], 16) < _TAKEN_OF_16 else None,
        )
