"""Faults at random: which request meets one is drawn, and the same seed draws the same."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from bridge.sandbox.control.faults import FaultKind, FaultPlace, InjectedFault

WRITES = ("book", "amend", "cancel", "register_patient")
_GATEWAY_TIMEOUT, _UNAVAILABLE = 504, 503
APPOINTMENT_FAULTS: tuple[InjectedFault, ...] = (
    # The work is done, and whoever asked is left in doubt.
    InjectedFault(FaultKind.DROP, at="proxy", on=WRITES),
    InjectedFault(FaultKind.DROP, on=WRITES),
    InjectedFault(FaultKind.LOST, status=_GATEWAY_TIMEOUT, on=WRITES),
    InjectedFault(FaultKind.LOST, status=500, on=WRITES),
    InjectedFault(FaultKind.TRUNCATE, at="proxy", on=WRITES),
    InjectedFault(FaultKind.EMPTY_OBJECT, on=WRITES),
    # It is done after they gave up.
    InjectedFault(FaultKind.LATE, status=_GATEWAY_TIMEOUT, delay=0.2, on=WRITES),
    InjectedFault(FaultKind.DELAY, delay=0.1),
    # It is not done.
    InjectedFault(FaultKind.RESET),
    InjectedFault(FaultKind.RESET, at="proxy"),
    InjectedFault(FaultKind.STATUS, status=500),
    InjectedFault(FaultKind.STATUS, at="proxy", status=_UNAVAILABLE),
    InjectedFault(FaultKind.STATUS, at="pds", status=500),
    InjectedFault(FaultKind.STATUS, at="sds", status=500),
    # Somebody else was there first.
    InjectedFault(FaultKind.TAKEN, on=("book",)),
    InjectedFault(FaultKind.TOUCHED, on=("amend", "cancel")),
)
"""Everything that can go wrong on the way to an appointment."""


@dataclass(frozen=True, slots=True)
class Storm:
    """Random faults.

    What one request meets depends on the seed, on whom it is about (the patient, or else the practice), on
    the operation, and on how often that was asked before: not on what others ask meanwhile.
    `InjectedFault.times`, `after` and `lasts` mean nothing here.

    Attributes:
        probability: that one request meets a fault at one upstream, 0 to 1.
        faults: what it may be, each as likely; those of other upstreams and operations are left out.
    """

    seed: int
    probability: float
    faults: tuple[InjectedFault, ...] = APPOINTMENT_FAULTS

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Storm":
        """Read one as JSON: seed, probability and, if not all of `APPOINTMENT_FAULTS`, faults.

        Raises:
            KeyError, TypeError, ValueError: not a storm.
        """
        faults = tuple(InjectedFault.from_json(one) for one in value["faults"]) if "faults" in value else None
        seed, probability = int(value["seed"]), float(value["probability"])
        return cls(seed, probability) if faults is None else cls(seed, probability, faults)


@dataclass(slots=True)
class Drawing:
    """A storm that is on, and what was asked since."""

    storm: Storm
    _asked: Counter[str] = field(default_factory=Counter)

    def draw(self, at: FaultPlace, subject: str, operation: str | None) -> InjectedFault | None:
        """The fault that a request meets, if any."""
        possible = [one for one in self.storm.faults if one.at == at and one.concerns(operation)]
        if not possible:
            return None
        key = f"{self.storm.seed}/{at}/{subject}/{operation}"
        self._asked[key] += 1
        chance = Random(f"{key}/{self._asked[key]}")  # noqa: S311 - chance, not secrecy
        return chance.choice(possible) if chance.random() < self.storm.probability else None
