"""What happens to messages, queues and the connection to the broker."""

from typing import ClassVar, Final

from bridge.observe.vocabulary.base import Code, Level, Outcome, RequestEvent, TelemetryEvent, Words
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class BusConnected(TelemetryEvent):
    """The first connection to the broker is made."""

    name: ClassVar[str] = "bus_connected"

    broker: Code


@dataclass(frozen=True, slots=True)
class BusReconnected(TelemetryEvent):
    """The connection to the broker was lost, and is there again."""

    name: ClassVar[str] = "bus_reconnected"

    broker: Code


@dataclass(frozen=True, slots=True)
class NodePassedOver(TelemetryEvent):
    """A node of the broker's cluster gave no connection, and another one did."""

    name: ClassVar[str] = "node_passed_over"
    level: ClassVar[Level] = "warning"

    broker: Code
    node: Code
    cause: Code


@dataclass(frozen=True, slots=True)
class ChannelReplaced(TelemetryEvent):
    """RabbitMQ refused a message several times (a full queue, a lost node): another channel is tried."""

    name: ClassVar[str] = "channel_replaced"
    level: ClassVar[Level] = "debug"


@dataclass(frozen=True, slots=True)
class ServerLeft(TelemetryEvent):
    """A NATS server that holds our connection and does nothing is left for another one of its cluster."""

    name: ClassVar[str] = "server_left"
    level: ClassVar[Level] = "warning"

    node: Code


@dataclass(frozen=True, slots=True)
class BusError(TelemetryEvent):
    """The broker complains on a connection that holds."""

    name: ClassVar[str] = "bus_error"
    level: ClassVar[Level] = "warning"

    error: Code
    cause: Code | None = None
    detail: Words | None = None


@dataclass(frozen=True, slots=True)
class BusNotReady(TelemetryEvent):
    """The broker could not be asked whether our consumers are there."""

    name: ClassVar[str] = "bus_not_ready"
    level: ClassVar[Level] = "debug"

    error: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerCause(TelemetryEvent):
    """Why something on the broker has to be tried again."""

    cause: Code
    detail: Words
    waiting_helps: bool
    queue: Code | None = None
    stream: Code | None = None
    topic: Code | None = None
    exchange: Code | None = None

    @property
    def severity(self) -> Level:
        """An error where waiting will not help."""
        return "warning" if self.waiting_helps else "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerRetry(TelemetryEvent):
    """Something on the broker is tried again; logged at each fifth try.

    Attributes:
        because: the event that says why, in words: once, and again when it is another cause.
    """

    level: ClassVar[Level] = "warning"
    because: ClassVar[type[BrokerCause]]

    error: Code
    tries: int
    queue: Code | None = None
    stream: Code | None = None
    topic: Code | None = None
    exchange: Code | None = None


class BrokerUnreachableBecause(BrokerCause):
    """Why there is no connection to the broker, in words, once per cause."""

    __slots__ = ()
    name: ClassVar[str] = "broker_unreachable_because"


class BrokerUnreachable(BrokerRetry):
    """Still trying to connect to the broker."""

    __slots__ = ()
    name: ClassVar[str] = "broker_unreachable"
    because: ClassVar[type[BrokerCause]] = BrokerUnreachableBecause


class DeclareRetryingBecause(BrokerCause):
    """Why a queue or stream cannot be made, in words, once per cause."""

    __slots__ = ()
    name: ClassVar[str] = "declare_retrying_because"


class DeclareRetrying(BrokerRetry):
    """The broker does not confirm a queue or stream, and it is declared again."""

    __slots__ = ()
    name: ClassVar[str] = "declare_retrying"
    because: ClassVar[type[BrokerCause]] = DeclareRetryingBecause


class PublishRetryingBecause(BrokerCause):
    """Why a message cannot be published, in words, once per cause."""

    __slots__ = ()
    name: ClassVar[str] = "publish_retrying_because"


class PublishRetrying(BrokerRetry):
    """The broker does not confirm an event, or a copy of a message, and it is published again."""

    __slots__ = ()
    name: ClassVar[str] = "publish_retrying"
    because: ClassVar[type[BrokerCause]] = PublishRetryingBecause


class PullRetryingBecause(BrokerCause):
    """Why no messages can be pulled, in words, once per cause."""

    __slots__ = ()
    name: ClassVar[str] = "pull_retrying_because"


class PullRetrying(BrokerRetry):
    """The broker hands over no messages, and is asked again."""

    __slots__ = ()
    name: ClassVar[str] = "pull_retrying"
    because: ClassVar[type[BrokerCause]] = PullRetryingBecause


BROKER_RETRIES: Final[dict[str, type[BrokerRetry]]] = {
    event.name: event for event in (BrokerUnreachable, DeclareRetrying, PublishRetrying, PullRetrying)
}
"""What may be tried again on a broker, by name."""


@dataclass(frozen=True, slots=True)
class WatchdogUnanswered(TelemetryEvent):
    """The broker could not be asked whether a consumer is there."""

    name: ClassVar[str] = "watchdog_unanswered"
    level: ClassVar[Level] = "debug"

    queue: Code
    error: Code


@dataclass(frozen=True, slots=True)
class ConsumerLost(TelemetryEvent):
    """A consumer did not come back; the process exits with 4."""

    name: ClassVar[str] = "consumer_lost"
    level: ClassVar[Level] = "error"

    queue: Code


@dataclass(frozen=True, slots=True)
class ConsumerChanged(TelemetryEvent):
    """The consumer of a stream was not as the bus needs it, and is put right (NATS)."""

    name: ClassVar[str] = "consumer_changed"
    level: ClassVar[Level] = "warning"

    stream: Code
    detail: Words


@dataclass(frozen=True, slots=True)
class ConsumerMadeAgain(TelemetryEvent):
    """Somebody had deleted the consumer of a queue; nothing that stood in it is lost (NATS)."""

    name: ClassVar[str] = "consumer_made_again"
    level: ClassVar[Level] = "warning"

    queue: Code


@dataclass(frozen=True, slots=True)
class ConsumerUnusable(TelemetryEvent):
    """Somebody has put another consumer in the place of ours, which the server does not change (NATS)."""

    name: ClassVar[str] = "consumer_unusable"
    level: ClassVar[Level] = "error"

    queue: Code
    detail: Words


@dataclass(frozen=True, slots=True)
class StoredMessagesLost(TelemetryEvent):
    """So many messages at least are gone from a stream, and nobody took them: its store is damaged (NATS)."""

    name: ClassVar[str] = "stored_messages_lost"
    level: ClassVar[Level] = "error"

    stream: Code
    messages: int
    seen: Code


@dataclass(frozen=True, slots=True)
class QueueDeclaredAgain(TelemetryEvent):
    """Somebody had deleted the work queue, or its delay queue, with what stood in it."""

    name: ClassVar[str] = "queue_declared_again"
    level: ClassVar[Level] = "error"

    queue: Code


@dataclass(frozen=True, slots=True)
class TopologyUnchecked(TelemetryEvent):
    """What an administrator made on the broker could be looked at only in part."""

    name: ClassVar[str] = "topology_unchecked"
    level: ClassVar[Level] = "warning"

    detail: Words


@dataclass(frozen=True, slots=True)
class MessageDead(RequestEvent):
    """A message was put among the dead letters, with the reason."""

    name: ClassVar[str] = "message_dead"
    level: ClassVar[Level] = "warning"

    queue: Code
    reason: Code
    detail: Words
    attempt: int
    outcome: Outcome = "dead"


@dataclass(frozen=True, slots=True)
class MessageReturned(RequestEvent):
    """What was to become of a message could not be made durable, so the broker has it back."""

    name: ClassVar[str] = "message_returned"
    level: ClassVar[Level] = "warning"

    queue: Code
    error: Code


@dataclass(frozen=True, slots=True)
class OutcomeNotSettled(RequestEvent):
    """The copy for the delay queue, or for the dead letters, could not be made: the next delivery does it."""

    name: ClassVar[str] = "outcome_not_settled"
    level: ClassVar[Level] = "error"

    queue: Code
    error: Code


@dataclass(frozen=True, slots=True)
class HandlerRaised(RequestEvent):
    """Whoever takes the deliveries of a queue raised an error; the message is tried again later."""

    name: ClassVar[str] = "handler_raised"
    level: ClassVar[Level] = "warning"

    queue: Code
    error: Code
    attempt: int
    outcome: Outcome = "retrying"


@dataclass(frozen=True, slots=True)
class MoveFailed(RequestEvent):
    """A message in the delay queue whose time has come could not be moved to the work queue yet (NATS)."""

    name: ClassVar[str] = "move_failed"
    level: ClassVar[Level] = "warning"

    queue: Code
    error: Code


@dataclass(frozen=True, slots=True)
class OneByOneBegun(TelemetryEvent):
    """Connections end soon after messages came, again and again: they are taken one by one (RabbitMQ)."""

    name: ClassVar[str] = "taken_one_by_one"
    level: ClassVar[Level] = "warning"

    error: Code


@dataclass(frozen=True, slots=True)
class OneByOneEnded(TelemetryEvent):
    """No connection has ended for a while: as many messages are taken at a time as before (RabbitMQ)."""

    name: ClassVar[str] = "taken_together_again"


@dataclass(frozen=True, slots=True)
class DeadLetterTakenUpAgain(RequestEvent):
    """The broker had put a message among the dead letters by itself, and it goes back to work (RabbitMQ)."""

    name: ClassVar[str] = "letter_taken_up_again"
    level: ClassVar[Level] = "warning"

    queue: Code
    reason: Code
    times: int


@dataclass(frozen=True, slots=True)
class DeadLetterEnded(RequestEvent):
    """The request of a message that the broker had put among the dead letters has ended (RabbitMQ)."""

    name: ClassVar[str] = "letter_ended"

    queue: Code
    reason: Code


@dataclass(frozen=True, slots=True)
class DeadLettersNotSeenTo(TelemetryEvent):
    """The dead letters could not be looked at (RabbitMQ)."""

    name: ClassVar[str] = "letters_not_seen_to"
    level: ClassVar[Level] = "warning"

    queue: Code
    error: Code


@dataclass(frozen=True, slots=True)
class StoppedWithWorkUnfinished(TelemetryEvent):
    """`BRIDGE_STOP_GRACE` was too short: what was in hand is delivered again, to another worker."""

    name: ClassVar[str] = "stopped_with_work_unfinished"
    level: ClassVar[Level] = "warning"

    messages: int


@dataclass(frozen=True, slots=True)
class EmbeddedBusStarted(TelemetryEvent):
    """The worker runs a NATS server of its own: for a single machine, not highly available."""

    name: ClassVar[str] = "embedded_bus_started"

    port: int


@dataclass(frozen=True, slots=True)
class EmbeddedBusEnded(TelemetryEvent):
    """The worker's own NATS server ended by itself; the process exits."""

    name: ClassVar[str] = "embedded_bus_ended"
    level: ClassVar[Level] = "error"

    exit_code: int
