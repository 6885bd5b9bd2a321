"""What happens between us and a hospital's HL7 v2 systems by MLLP; each message sent is an `UpstreamCall`."""

from typing import ClassVar, Literal

from bridge.observe.vocabulary.base import Code, Level, TelemetryEvent, Words
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class DeliveryStarted(TelemetryEvent):
    """HL7 v2 messages are sent to the peer from now on."""

    name: ClassVar[str] = "delivery_started"

    connections: int


@dataclass(frozen=True, slots=True)
class PeerLost(TelemetryEvent):
    """The peer takes no message, or does not acknowledge it: messages are held, and sent again."""

    name: ClassVar[str] = "peer_lost"
    level: ClassVar[Level] = "warning"

    reason: Code


@dataclass(frozen=True, slots=True)
class PeerBack(TelemetryEvent):
    """The peer acknowledges messages again."""

    name: ClassVar[str] = "peer_back"


@dataclass(frozen=True, slots=True)
class ListenerStarted(TelemetryEvent):
    """HL7 v2 messages are taken on this port from now on."""

    name: ClassVar[str] = "listener_started"

    port: int


@dataclass(frozen=True, slots=True)
class TriggerHandled(TelemetryEvent):
    """An HL7 v2 message that asks for a record was acknowledged: AA, AE or AR."""

    name: ClassVar[str] = "trigger_handled"

    answer: Literal["AA", "AE", "AR"]
    duration_ms: float
    trigger: Code | None = None
    reason: Code | None = None
    faults: Words | None = None

    @property
    def severity(self) -> Level:
        """A warning when the message has to be sent again, or was wrong."""
        return "info" if self.answer == "AA" else "warning"


@dataclass(frozen=True, slots=True)
class SenderCutOff(TelemetryEvent):
    """A connection of a sender was closed: no frame came, or one too large, too slow, or cut off."""

    name: ClassVar[str] = "sender_cut_off"
    level: ClassVar[Level] = "warning"

    reason: Code


@dataclass(frozen=True, slots=True)
class ListenerFull(TelemetryEvent):
    """A sender connected while the listener had as many connections as it takes: it was turned away."""

    name: ClassVar[str] = "listener_full"
    level: ClassVar[Level] = "warning"

    connections: int
