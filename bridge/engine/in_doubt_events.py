"""The event that says of a request that nobody knows what was done: the operation's own, or one for all."""

from bridge.bus.port import Disposition
from bridge.contracts.events import request_failed
from bridge.engine.incoming import IncomingRequest
from bridge.engine.outcomes import INTERNAL, EngineFault, disposition_of, places
from bridge.engine.rendering import Renderer
from bridge.errors import FailureCode, RequestFailed
from bridge.ledger import StoredEvent
from bridge.observe import record
from bridge.observe.vocabulary.requests import InDoubtFailed
from bridge.pipelines.side_effects import InDoubt


def events_in_doubt(
    incoming: IncomingRequest,
    doubt: InDoubt,
    renderer: Renderer,
    disposition: Disposition,
    *,
    attempts: int,
) -> tuple[list[StoredEvent], Disposition]:
    """The event of doubt of a request, rendered.

    The operation's `in_doubt` is a site's own, as its handler is, and may raise anything; or the request
    cannot be read any more, because it is read more strictly now. It is in doubt all the same, and somebody
    has to be told: by ``request.failed`` with ``outcome_unknown``.

    Args:
        incoming: the request.
        doubt: what nobody knows.
        renderer: makes the messages.
        disposition: what is done with the request's message when the event of doubt is told.
        attempts: how often it was tried.

    Returns:
        Its messages; and what is done with the request's own.
    """
    try:
        operation, request = incoming.readable()
        if operation.in_doubt is None:
            raise RuntimeError("an operation with side effects must declare in_doubt")  # noqa: TRY301 - as the rest
        told = renderer.render(incoming, [operation.in_doubt(request, doubt)]).messages
        return [message.stored for message in told], disposition
    except Exception as error:  # noqa: BLE001 - see above
        record(InDoubtFailed(type(error).__name__, places(error)))
        unknown = RequestFailed(FailureCode.OUTCOME_UNKNOWN, stage="engine", detail="in_doubt_failed")
        event = request_failed(unknown, attempts=attempts)
        fault = EngineFault(INTERNAL, detail=f"in_doubt: {type(error).__name__}")
        return renderer.closing(incoming, event, disposition_of(fault))
