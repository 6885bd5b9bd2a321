"""What one scenario patient is made of; `scenarios` says who there is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bridge.sandbox.appointments.diary import Diary
from bridge.sandbox.control.faults import InjectedFault
from bridge.sandbox.documents.shelf import Shelf
from bridge.sandbox.patients import Resident
from bridge.sandbox.people import Held, PdsRegistration, Person, RegistrationState, Trace, person_of
from bridge.sandbox.structured import cases
from bridge.sandbox.structured.builder import Builder
from bridge.sandbox.structured.record import Record
from bridge.sandbox.world import MAIN, Practice

BuildRecord = Callable[[Builder], None]
Bookings = Callable[[Diary, Resident], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One patient.

    Attributes:
        case: fills the record; None leaves the practice without one, and it answers PATIENT_NOT_FOUND.
        at_practice: what the practice holds instead of some of `person`.
        now: the number in use, of a superseded one.
        conforms: whether every resource is valid STU3.
        standing: how the practice holds the patient, when it does at all.
        lapsed_at: another practice that holds an old record of the patient.
        diary: what stands in the appointment book of the practice from the start.
        shelf: the documents of the patient at the practice; None is a patient without any.
    """

    name: str
    nhs_number: str
    reason: str
    case: BuildRecord | None = cases.empty
    practice: Practice = MAIN
    trace: Trace = Trace.CURRENT
    now: str | None = None
    fault: InjectedFault | None = None
    at_practice: Mapping[str, Any] | None = None
    conforms: bool = True
    standing: RegistrationState = RegistrationState.ACTIVE
    lapsed_at: Practice | None = None
    diary: Bookings | None = None
    shelf: Shelf | None = None

    @property
    def person(self) -> Person:
        """Who it is: made from the number, so everybody differs and stays the same."""
        return person_of(int(self.nhs_number[4:9]))

    @property
    def registration(self) -> PdsRegistration:
        """As PDS knows the number."""
        return PdsRegistration(self.nhs_number, self.person, self.practice.ods, self.trace, self.now)

    def held_at(self, ods: str) -> Held | None:
        """What the practice `ods` holds; of a restricted patient too, though it tells nobody."""
        if self.practice.ods == ods and (self.case or self.trace is Trace.RESTRICTED):
            person = replace(self.person, **dict(self.at_practice or {}))
            return Held(self.registration, person, self.standing)
        if self.lapsed_at and self.lapsed_at.ods == ods:
            return Held(self.registration, self.person, RegistrationState.LAPSED)
        return None

    def record(self) -> Record | None:
        """The record at the practice, built anew."""
        if self.case is None:
            return None
        builder = Builder(
            self.nhs_number, replace(self.person, **dict(self.at_practice or {})), self.practice
        )
        self.case(builder)
        return builder.record


def scenario_of(
    name: str, number: str, reason: str, case: BuildRecord | None = cases.empty, **more: Any
) -> Scenario:
    """A patient of this number; `more` are fields of a `Scenario`."""
    return replace(Scenario(name=name, nhs_number=number, reason=reason, case=case), **more)
