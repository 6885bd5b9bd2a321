"""Which faults are on while the sandbox runs: per patient, per practice, or for everybody."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.sandbox.control.faults import FaultPlace, InjectedFault
from bridge.sandbox.control.storms import Drawing, Storm

EVERYBODY = "*"


@dataclass(slots=True)
class _Switched:
    """A fault that is on: how many requests it has seen, and when it was switched on."""

    fault: InjectedFault
    since: float
    seen: int = 0

    def meets(self, now: float) -> bool:
        """Count one request; whether it meets the fault."""
        fault = self.fault
        if fault.lasts is not None and now - self.since >= fault.lasts:
            return False
        self.seen += 1
        number = self.seen - fault.after
        return number > 0 and (fault.times is None or number <= fault.times)


@dataclass(slots=True)
class FaultBoard:
    """The faults that are on. A key is an NHS number, an ODS code, or `EVERYBODY`.

    What was switched on goes before what is drawn.
    """

    clock: Callable[[], float] = time.monotonic
    _on: dict[tuple[str, FaultPlace], dict[tuple[str, ...], _Switched]] = field(default_factory=dict)
    _drawings: dict[str, Drawing] = field(default_factory=dict)

    def set(self, key: str, fault: InjectedFault) -> None:
        """Switch a fault on; it replaces an earlier one of the same key, upstream and operations."""
        self._on.setdefault((key, fault.at), {})[fault.on] = _Switched(fault, self.clock())

    def set_storm(self, key: str, storm: Storm) -> None:
        """Let chance decide for `key`; it replaces an earlier storm of the same key."""
        self._drawings[key] = Drawing(storm)

    def clear(self, key: str | None = None) -> None:
        """Switch off every fault of `key`, or of everybody and everything."""
        for place in [place for place in self._on if key is None or place[0] == key]:
            del self._on[place]
        for name in [name for name in self._drawings if key in {None, name}]:
            del self._drawings[name]

    def take(self, at: FaultPlace, *keys: str | None, operation: str | None = None) -> InjectedFault | None:
        """The fault that this request meets, if any; the first key that has one decides."""
        named = [key for key in (*keys, EVERYBODY) if key]
        for key in named:
            switched = self._on.get((key, at))
            for one in switched.values() if switched else ():
                if one.fault.concerns(operation) and one.meets(self.clock()):
                    return one.fault
        drawing = next((self._drawings[key] for key in named if key in self._drawings), None)
        return drawing.draw(at, named[0], operation) if drawing else None
