"""What happens to the console: its start, who signs in, and what it could not show."""

from typing import ClassVar

from bridge.observe.vocabulary.base import Code, Level, TelemetryEvent, Words
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class ConsoleServed(TelemetryEvent):
    """The console can be opened in a browser."""

    name: ClassVar[str] = "console_served"

    port: int


@dataclass(frozen=True, slots=True)
class ConsoleSignedIn(TelemetryEvent):
    """Somebody signed in to the console."""

    name: ClassVar[str] = "console_signed_in"

    user: Code
    roles: tuple[Code, ...]
    method: Code


@dataclass(frozen=True, slots=True)
class ConsoleSignedOut(TelemetryEvent):
    """Somebody signed out of the console."""

    name: ClassVar[str] = "console_signed_out"

    user: Code


@dataclass(frozen=True, slots=True)
class ConsoleSignInRefused(TelemetryEvent):
    """A sign-in to the console was refused: by `reason`; `too_many_attempts` may be an attack."""

    name: ClassVar[str] = "console_sign_in_refused"
    level: ClassVar[Level] = "warning"

    method: Code
    reason: Code


@dataclass(frozen=True, slots=True)
class ConsoleRefused(TelemetryEvent):
    """Somebody who is signed in asked the console for what their roles do not allow, or with a wrong form."""

    name: ClassVar[str] = "console_refused"
    level: ClassVar[Level] = "warning"

    user: Code
    page: Code
    reason: Code


@dataclass(frozen=True, slots=True)
class ConsoleSourceAway(TelemetryEvent):
    """The console cannot ask the ledger or the bus now, and says so on its pages."""

    name: ClassVar[str] = "console_source_away"
    level: ClassVar[Level] = "warning"

    missing: Code
    error: Code


@dataclass(frozen=True, slots=True)
class ConsoleFailed(TelemetryEvent):
    """A page of the console ended with an error that nobody foresaw."""

    name: ClassVar[str] = "console_failed"
    level: ClassVar[Level] = "error"

    page: Code
    error: Code
    at: tuple[Words, ...]
