"""How one try of a request may end, and how what a handler raised is told to logs, events and the bus."""

import traceback
from collections.abc import Awaitable, Callable
from dataclasses import field
from pathlib import Path
from typing import Final

from typing_extensions import TypedDict

from bridge.bus.control_headers import RETRY_REASON
from bridge.bus.port import Dead, Delivery, Disposition, Done, RetryAfter
from bridge.engine.memory_budget import Reservation
from bridge.engine.side_effects import SideEffects
from bridge.errors import FailureCode, HeldBack, RequestFailed, ResponseInvalid
from bridge.ledger import EndState, Lease, NewBase, QualityFound, StoredEvent
from bridge.ledger.storage.store import LedgerStep
from bridge.observe.causes import is_lack_of_files
from bridge.observe.vocabulary.base import Outcome
from bridge.values import dataclass

INTERNAL: Final = "internal"
"""The reason of a dead letter that is there because of a fault of ours."""
_PLACES: Final = 5


class TryFacts(TypedDict, total=False):
    """What is told of how a try ended."""

    code: str
    stage: str
    detail: str
    practice_ods: str
    body_sha256: str
    reason: str
    faults: str
    events: int
    retry_in_s: float


@dataclass(frozen=True, slots=True)
class Try:
    """One try of a request.

    Attributes:
        lease: the right to work on it.
        reservation: its room in the memory budget.
        side_effects: what it was about to do, and did, before.
        is_check: whether it is in doubt already: nobody is told so again.
        losses: how many tries before this one ended without a word, with their worker.
        found: how good the records are that it mapped: noted as it goes, kept if the request ends with it.
        answers: keep what practices answered, in the transaction in which the try ends.
    """

    lease: Lease
    reservation: Reservation
    side_effects: SideEffects
    is_check: bool = False
    losses: int = 0
    found: list[QualityFound] = field(default_factory=list)
    answers: list[LedgerStep[None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RequestOutcome:
    """How a request ends: what is written down, published, and done with the message (`disposition`).

    Attributes:
        base: what the next answer about the patient is compared with.
        again: makes it anew where `base` was made from what is not kept any more.
    """

    state: EndState
    events: list[StoredEvent]
    disposition: Disposition = field(default_factory=Done)
    code: str | None = None
    facts: TryFacts = field(default_factory=TryFacts)
    base: NewBase | None = None
    again: Callable[[], Awaitable["RequestOutcome"]] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Retry:
    """A try after which there is another: what is done with the message, and what is told of why."""

    disposition: RetryAfter
    facts: TryFacts


class EngineFault(RequestFailed):
    """Not the request but the engine is at fault: the message is parked too, to be sent again later."""

    def __init__(self, reason: str, *, detail: str = "", code: FailureCode = FailureCode.INTERNAL) -> None:
        super().__init__(code, stage="engine", detail=f"{reason} {detail}".strip())
        self.reason = reason


def unforeseen(error: Exception) -> RequestFailed:
    """What an error of a handler means that nobody thought of; of a lack of files, that it passes."""
    if is_lack_of_files(error):
        return HeldBack.for_lack_of_files()
    return EngineFault(INTERNAL, detail=type(error).__name__)


def disposition_of(failure: RequestFailed) -> Disposition:
    """What is done with the message of a request that failed."""
    return Dead(failure.reason, failure.detail) if isinstance(failure, EngineFault) else Done()


def told_as(disposition: Disposition, state: EndState | None) -> Outcome:
    """In one word how a request stands (`outcome` in the log), where it is known in which state it ended."""
    if isinstance(disposition, RetryAfter) or state is None:
        return "retrying"
    if isinstance(disposition, Dead) and state in ("completed", "failed"):
        return "dead"
    return state


def facts_of(failure: RequestFailed) -> TryFacts:
    """What is told of a failure: codes and names only."""
    facts: TryFacts = {"code": failure.code.value, "stage": failure.stage, "detail": failure.detail}
    if failure.practice_ods is not None:
        facts["practice_ods"] = failure.practice_ods
    if isinstance(failure, ResponseInvalid) and failure.body_sha256 is not None:
        facts["body_sha256"] = failure.body_sha256
    return facts


def places(error: BaseException) -> tuple[str, ...]:
    """Where an error came from, innermost last, without its text."""
    frames = traceback.extract_tb(error.__traceback__)[-_PLACES:]
    return tuple(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)


def waited_for(delivery: Delivery) -> FailureCode:
    """Why a request that comes back from its delay queue was put there."""
    try:
        return FailureCode(delivery.headers.get(RETRY_REASON, ""))
    except ValueError:
        return FailureCode.INTERNAL
