"""What stands in an appointment book: appointments, their history, and what somebody wants to book."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bridge.sandbox.appointments.rota import RotaSlot, Schedule

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened to an appointment.

    Attributes:
        action: ``booked``, ``amended``, ``cancelled`` or ``touched`` (a new version with nothing else new).
        organisation: ODS code of who did it; None is the practice itself.
        trace_id: ``Ssp-TraceID`` of the call that did it; None is the practice itself.
    """

    at: datetime
    action: str
    version: int
    status: str
    description: str | None
    comment: str | None
    organisation: str | None = None
    trace_id: str | None = None


@dataclass(slots=True)
class DiaryAppointment:
    """One appointment, with its history.

    Attributes:
        organisation: the contained Organization that booked it; None for the practice's own.
        created: as the consumer said it.
        comment: None when there is none, or when the practice keeps it in the description.
    """

    id: str
    patient_id: str
    nhs_number: str
    slots: tuple[RotaSlot, ...]
    created: str
    description: str | None
    comment: str | None
    organisation: Json | None
    organisation_ods: str | None
    status: str = "booked"
    version: int = 1
    cancellation_reason: str | None = None
    history: list[Change] = field(default_factory=list)

    @property
    def start(self) -> datetime:
        """Of its first slot."""
        return self.slots[0].start

    @property
    def end(self) -> datetime:
        """Of its last slot."""
        return self.slots[-1].end

    @property
    def schedule(self) -> Schedule:
        """The one that all of its slots are of."""
        return self.slots[0].schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingWish:
    """What somebody wants to book. `start` and `end` must be those of the slots."""

    patient_id: str
    nhs_number: str
    slot_ids: tuple[str, ...]
    start: datetime
    end: datetime
    created: str
    description: str | None
    comment: str | None
    organisation: Json
    organisation_ods: str
    organisation_type: str | None
    trace_id: str | None
