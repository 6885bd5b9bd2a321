"""Faults at random: which request meets one is drawn, and the same seed draws the same."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from bridge.sandbox.control.faults import Fault, FaultKind, Upstream

WRITES = ("book", "amend", "cancel", "register_patient")
_GATEWAY_TIMEOUT, _UNAVAILABLE = 504, 503
APPOINTMENT_FAULTS: tuple[Fault, ...] = (
    # The work is done, and whoever asked is left in doubt.
    Fault(FaultKind.DROP, at="proxy", on=WRITES),
    Fault(FaultKind.DROP, on=WRITES),
    Fault(FaultKind.LOST, status=_GATEWAY_TIMEOUT, on=WRITES),
    Fault(FaultKind.LOST, status=500, on=WRITES),
    Fault(FaultKind.TRUNCATE, at="proxy", on=WRITES),
    Fault(FaultKind.EMPTY_OBJECT, on=WRITES),
    # It is done after they gave up.
    Fault(FaultKind.LATE, status=_GATEWAY_TIMEOUT, delay=0.2, on=WRITES),
    Fault(FaultKind.DELAY, delay=0.1),
    # It is not done.
    Fault(FaultKind.RESET),
    Fault(FaultKind.RESET, at="proxy"),
    Fault(FaultKind.STATUS, status=500),
    Fault(FaultKind.STATUS, at="proxy", status=_UNAVAILABLE),
    Fault(FaultKind.STATUS, at="pds", status=500),
    Fault(FaultKind.STATUS, at="sds", status=500),
    # Somebody else was there first.
    Fault(FaultKind.TAKEN, on=("book",)),
    Fault(FaultKind.TOUCHED, on=("amend", "cancel")),
)
"""Everything that can go wrong on the way to an appointment."""


@dataclass(frozen=True, slots=True)
class Storm:
    """Random faults.

    What one request meets depends on the seed, on whom it is about (the patient, or else the practice), on
    the operation, and on how often that was asked before: not on what others ask meanwhile. `Fault.times`,
    `after` and `lasts` mean nothing here.

    Attributes:
        probability: that one request meets a fault at one upstream, 0 to 1.
        faults: what it may be, each as likely; those of other upstreams and operations are left out.
    """

    seed: int
    probability: float
    faults: tuple[Fault, ...] = APPOINTMENT_FAULTS

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Storm":
        """Read one as JSON: seed, probability and, if not all of `APPOINTMENT_FAULTS`, faults.

        Raises:
            KeyError, TypeError, ValueError: not a storm.
        """
        faults = tuple(Fault.from_json(one) for one in value["faults"]) if "faults" in value else None
        seed, probability = int(value["seed"]), float(value["probability"])
        return cls(seed, probability) if faults is None else cls(seed, probability, faults)


@dataclass(slots=True)
class Drawing:
    """A storm that is on, and what was asked since."""

    storm: Storm
    _asked: Counter[str] = field(default_factory=Counter)

    def draw(self, at: Upstream, subject: str, operation: str | None) -> Fault | None:
        """The fault that a request meets, if any."""
        possible = [one for one in self.storm.faults if one.at == at and one.concerns(operation)]
        if not possible:
            return None
        key = f"{self.storm.seed}/{at}/{subject}/{operation}"
        self._asked[key] += 1
        chance = Random(f"{key}/{self._asked[key]}")  # noqa: S311 - chance, not secrecy
        return chance.choice(possible) if chance.random() < self.storm.probability else None
