"""Who may see and do what: one table, and nothing else decides it (`bridge.console.app` asks it)."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

__all__ = ["MAY", "Right", "Role", "may"]


class Role(StrEnum):
    """What somebody is to the console; a user may be several."""

    VIEWER = "viewer"
    """Sees what is known about requests, and never what is in them."""
    CLINICAL = "clinical"
    """May open what is in them, for a reason that the audit trail keeps."""
    OPERATOR = "operator"
    """Asks again, discards, closes doubts, stops retries."""
    AUDITOR = "auditor"
    """Reads who did what, and who looked at whom."""


class Right(StrEnum):
    """Something that a page shows or does."""

    SEE_REQUESTS = "see_requests"
    """Everything about requests, queues and practices that is nothing of a patient."""
    FIND_PATIENT = "find_patient"
    """The requests about a patient whose NHS number is typed."""
    OPEN_BODIES = "open_bodies"
    REPLAY = "replay"
    """Plan, confirm, run, pause and stop jobs, of dead letters and of requests."""
    CLOSE_DOUBTS = "close_doubts"
    ASK_PRACTICE = "ask_practice"
    """Have a worker ask a practice what its system is."""
    READ_AUDIT = "read_audit"
    SEE_SYSTEM = "see_system"
    SWITCH_RETRIES = "switch_retries"


_EVERYBODY: Final = frozenset(Role)

MAY: Final[Mapping[Right, frozenset[Role]]] = MappingProxyType(
    {
        Right.SEE_REQUESTS: _EVERYBODY,
        Right.FIND_PATIENT: _EVERYBODY,
        Right.OPEN_BODIES: frozenset({Role.CLINICAL}),
        Right.REPLAY: frozenset({Role.OPERATOR}),
        Right.CLOSE_DOUBTS: frozenset({Role.OPERATOR}),
        Right.ASK_PRACTICE: frozenset({Role.OPERATOR}),
        Right.READ_AUDIT: frozenset({Role.AUDITOR}),
        Right.SEE_SYSTEM: frozenset({Role.OPERATOR, Role.AUDITOR}),
        Right.SWITCH_RETRIES: frozenset({Role.OPERATOR}),
    }
)
"""Which roles have which right; who has none of them is refused."""


def may(roles: Collection[Role], right: Right) -> bool:
    """Whether somebody with these roles may do that."""
    return not MAY[right].isdisjoint(roles)
