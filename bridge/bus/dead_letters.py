"""Dead letters as an operator sees them, whichever broker keeps them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256

from bridge.bus import control_headers
from bridge.bus.port import DeadLetter, Delivery
from bridge.observe.redaction import redact

_ID_DIGITS = 16
UNKNOWN = "unknown"
"""The reason of a dead letter that somebody else put there."""


def dead_letter_of(
    message: Delivery, *, reason: str = UNKNOWN, dead_at: datetime | None = None
) -> DeadLetter:
    """The dead letter that `message` is, read from its control headers.

    Args:
        message: as it stands among the dead letters.
        reason: the broker's own, for one without control headers.
        dead_at: the broker's own, for one without control headers.
    """
    reason = message.headers.get(control_headers.ERROR_REASON, reason)
    dead_at = _moment(message.headers) or dead_at
    return DeadLetter(
        id=_identity(message, reason, dead_at),
        message=message,
        # Where the broker itself moved the message, the sender's own headers still stand there (JO-033).
        reason=redact(reason),
        detail=redact(message.headers.get(control_headers.ERROR_DETAIL, "")),
        dead_at=dead_at,
    )


def without_try(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of a message that starts anew."""
    return {name: value for name, value in headers.items() if name not in control_headers.OF_A_TRY}


def _moment(headers: Mapping[str, str]) -> datetime | None:
    try:
        moment = datetime.fromisoformat(headers.get(control_headers.DEAD_AT, ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _identity(message: Delivery, reason: str, dead_at: datetime | None) -> str:
    # RabbitMQ numbers no messages, so the id is made of what a dead letter keeps wherever it is copied to.
    parts = [message.id, str(message.attempt), reason, dead_at.isoformat() if dead_at else ""]
    # Two senders with one id and one body may be told apart by headers alone (CloudEvents in binary mode).
    own = message.headers.keys() - control_headers.ALL - {control_headers.UNNAMED}
    parts += [f"{name}:{message.headers[name]}" for name in sorted(own)]
    whole = "\n".join(parts).encode(errors="surrogatepass")
    return sha256(whole + b"\n" + message.body).hexdigest()[:_ID_DIGITS]
