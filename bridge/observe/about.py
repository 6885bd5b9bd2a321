"""Which request a line of the log is about: bound once, told by every line until the delivery is settled."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

from structlog.contextvars import bind_contextvars, bound_contextvars, clear_contextvars, get_contextvars

from bridge.observe.trace_context import logged_trace

_in_delivery: ContextVar[bool] = ContextVar("in_delivery", default=False)


@contextlib.contextmanager
def delivery() -> Iterator[None]:
    """Around all that a bus does with one delivery: what its handler says of the request holds to the end."""
    before, token = get_contextvars(), _in_delivery.set(True)
    try:
        yield
    finally:
        _in_delivery.reset(token)
        clear_contextvars()
        bind_contextvars(**before)


def pipeline_at_hand() -> str | None:
    """The pipeline of the request that lines are about now, for who listens; None outside of one."""
    return get_contextvars().get("pipeline")


@contextlib.contextmanager
def about_request(
    request_key: str,
    *,
    correlation_id: str | None = None,
    pipeline: str | None = None,
    attempt: int | None = None,
) -> Iterator[None]:
    """Every line in the block names the request; within a `delivery`, those that follow it do as well."""
    known = {"correlation_id": correlation_id, "pipeline": pipeline, "attempt": attempt}
    told = {"request_key": request_key} | {name: value for name, value in known.items() if value is not None}
    told |= logged_trace()
    if _in_delivery.get():
        bind_contextvars(**told)
        yield
    else:
        with bound_contextvars(**told):
            yield
