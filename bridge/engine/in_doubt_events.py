"""The event that says of a request that nobody knows what was done: the operation's own, or one for all."""

import structlog

from bridge.bus.port import Outcome
from bridge.contracts.envelope import EventStyle
from bridge.contracts.events import request_failed
from bridge.engine.incoming import IncomingRequest
from bridge.engine.outcomes import EngineFault, outcome_of, places
from bridge.errors import FailureCode, RequestFailed
from bridge.ledger import StoredEvent
from bridge.pipelines.side_effects import InDoubt

log = structlog.get_logger()


def told_in_doubt(
    case: IncomingRequest, doubt: InDoubt, style: EventStyle, *, attempts: int
) -> tuple[StoredEvent, Outcome | None]:
    """The event of doubt of a request.

    The operation's `in_doubt` is a site's own, as its handler is, and may raise anything; or the request
    cannot be read any more, because it is read more strictly now. It is in doubt all the same, and somebody
    has to be told: by ``request.failed`` with ``outcome_unknown``.

    Args:
        case: the request.
        doubt: what nobody knows.
        style: of the events.
        attempts: how often it was tried.

    Returns:
        The event; and what is to be done with the message when that is not the operation's own one.
    """
    try:
        operation, request = case.readable()
        if operation.in_doubt is None:
            raise RuntimeError("an operation with side effects must declare in_doubt")  # noqa: TRY301 - as the rest
        return case.event(style, operation.in_doubt(request, doubt), sequence="1/1"), None
    except Exception as error:  # noqa: BLE001 - see above
        log.error("in_doubt_failed", error=type(error).__name__, at=places(error))
        unknown = RequestFailed(FailureCode.OUTCOME_UNKNOWN, stage="engine", detail="in_doubt_failed")
        event = case.event(style, request_failed(unknown, attempts=attempts), sequence="1/1")
        return event, outcome_of(EngineFault("internal", detail=f"in_doubt: {type(error).__name__}"))
