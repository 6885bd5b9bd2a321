"""What the log is told of appointments, beside what the engine tells of every request."""

from dataclasses import dataclass
from typing import ClassVar

from bridge.pipelines.telemetry import Code, Level, RequestEvent


@dataclass(frozen=True, slots=True)
class ParticipantNotReadable(RequestEvent):
    """A practice does not give out whom an appointment is with, or where: it is shown without that name."""

    name: ClassVar[str] = "participant_not_readable"
    level: ClassVar[Level] = "warning"

    kind: Code
    code: Code


@dataclass(frozen=True, slots=True)
class NamesNotAvailable(RequestEvent):
    """Something was done, and the names of people and places could not be had: it is told without them."""

    name: ClassVar[str] = "names_not_available"
    level: ClassVar[Level] = "warning"

    code: Code
