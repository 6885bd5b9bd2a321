"""Everything that one practice keeps, and all practices together."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bridge.sandbox.appointments.diary import Clock, Diary
from bridge.sandbox.appointments.premises import Premises
from bridge.sandbox.patients import PatientIndex, Resident
from bridge.sandbox.people import Held, PdsRegistration
from bridge.sandbox.world import PRACTICES, Practice

Json = dict[str, Any]
Prepare = Callable[[Diary, Resident], None]


def now() -> datetime:
    """What time it is, unless a sandbox is told otherwise."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Rotas:
    """How the appointment books are made.

    Attributes:
        seed: which ids slots have, and which of them are given away already.
        weeks: how far ahead there are slots.
        clinicians: how many work at each practice.
        clock: what time it is at the practices.
    """

    seed: int = 1
    weeks: int = 6
    clinicians: int = 5
    clock: Clock = now


@dataclass(frozen=True, slots=True)
class PracticeSite:
    """One practice: its people and places, its patients, its appointment book.

    Attributes:
        searched: the organisation types that each sender filtered by, by ASID; None is without this filter.
    """

    practice: Practice
    premises: Premises
    patients: PatientIndex
    diary: Diary
    searched: dict[str, set[str | None]] = field(default_factory=dict)


class PracticeSites:
    """The practices by ODS code, each made when it is first asked.

    Args:
        on_pds: everybody that PDS knows.
        held_at: what the practice of an ODS code holds at the start.
        prepared: what stands in the books from the start, by NHS number.
    """

    def __init__(
        self,
        rotas: Rotas,
        *,
        on_pds: Mapping[str, PdsRegistration],
        held_at: Callable[[str], Iterable[Held]],
        prepared: Mapping[str, Prepare],
    ) -> None:
        self.on_pds = on_pds
        self._rotas = rotas
        self._held_at = held_at
        self._prepared = prepared
        self._made: dict[str, PracticeSite] = {}

    def __getitem__(self, ods: str) -> PracticeSite:
        """The practice of an ODS code.

        Raises:
            KeyError: there is none.
        """
        if ods not in self._made:
            self._made[ods] = self._make(_PRACTICES[ods])
        return self._made[ods]

    def reset(self) -> None:
        """Forget every appointment and every patient registered since the start."""
        self._made.clear()

    def _make(self, practice: Practice) -> PracticeSite:
        rotas = self._rotas
        premises = Premises(practice, rotas.clinicians)
        patients = PatientIndex(premises, self._held_at(practice.ods), self.on_pds)
        diary = Diary(practice, premises, seed=rotas.seed, weeks=rotas.weeks, clock=rotas.clock)
        for resident in patients:
            prepare = self._prepared.get(resident.nhs_number)
            if prepare:
                prepare(diary, resident)
        return PracticeSite(practice, premises, patients, diary)


_PRACTICES = {practice.ods: practice for practice in PRACTICES}
