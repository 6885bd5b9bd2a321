"""What happens between us and PDS, SDS, the Spine Secure Proxy and practices."""

from typing import ClassVar, Literal

from bridge.observe.vocabulary.base import Code, Level, TelemetryEvent, UpstreamName, Words
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class UpstreamCall(TelemetryEvent):
    """One call, answered or not. No URL: those carry NHS numbers (JO-033)."""

    name: ClassVar[str] = "upstream_call"

    upstream: UpstreamName
    interaction: Code
    result: Code
    duration_ms: float
    trace_id: Code
    practice_ods: Code | None = None
    status: int | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class CircuitChanged(TelemetryEvent):
    """A practice, or a national service, is no longer called (`open`), is tried, or is called again."""

    name: ClassVar[str] = "circuit_changed"

    upstream: UpstreamName
    circuit: Literal["closed", "open", "half_open"]
    failures: int
    in_flight: int
    held_back: int
    practice_ods: Code | None = None

    @property
    def severity(self) -> Level:
        """A warning when calls stop."""
        return "warning" if self.circuit == "open" else "info"


@dataclass(frozen=True, slots=True)
class SecretReloaded(TelemetryEvent):
    """A certificate or secret in a file was replaced and is in use."""

    name: ClassVar[str] = "reloaded"

    secret: Code


@dataclass(frozen=True, slots=True)
class ReloadRefused(TelemetryEvent):
    """A certificate or secret was replaced by something unusable; the old one stays in use."""

    name: ClassVar[str] = "reload_refused"
    level: ClassVar[Level] = "error"

    secret: Code
    problems: tuple[Words, ...]


@dataclass(frozen=True, slots=True)
class PracticeMoved(TelemetryEvent):
    """The proxy refused the address or ASID that SDS gave: SDS is asked again, and the call made again."""

    name: ClassVar[str] = "directory_stale"
    level: ClassVar[Level] = "warning"

    practice_ods: Code
    detail: Words


@dataclass(frozen=True, slots=True)
class BundleIdDiffers(TelemetryEvent):
    """A practice answered with another id of the bundle than the trace id, as GP Connect 1.5 wants it."""

    name: ClassVar[str] = "bundle_id_differs"

    practice_ods: Code
    trace_id: Code


@dataclass(frozen=True, slots=True)
class UnsignedOfferTaken(TelemetryEvent):
    """A slot was booked by an offer without a signature, as `BRIDGE_OFFERS_UNSIGNED_UNTIL` still allows."""

    name: ClassVar[str] = "unsigned_offer_taken"
    level: ClassVar[Level] = "warning"

    practice_ods: Code


@dataclass(frozen=True, slots=True)
class PracticeAskFailed(TelemetryEvent):
    """A practice that an operator wanted asked could not be, by an error that nobody foresaw."""

    name: ClassVar[str] = "practice_ask_failed"
    level: ClassVar[Level] = "error"

    practice_ods: Code
    error: Code
    at: tuple[Words, ...]
