"""Which request a line of the log is about: bound once, told by every line until the delivery is settled."""

import contextlib
from collections.abc import Iterator, Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any, Final

from bridge.observe.trace_context import logged_trace

_NOTHING: Final[Mapping[str, Any]] = {}
# One variable for all of it: whoever looks for several looks through all that any library has bound.
_about: ContextVar[Mapping[str, Any]] = ContextVar("about", default=_NOTHING)
_in_delivery: ContextVar[bool] = ContextVar("in_delivery", default=False)


@contextlib.contextmanager
def delivery() -> Iterator[None]:
    """Around all that a bus does with one delivery: what its handler says of the request holds to the end."""
    before, token = _about.get(), _in_delivery.set(True)
    try:
        yield
    finally:
        _in_delivery.reset(token)
        _about.set(before)


def pipeline_at_hand() -> str | None:
    """The pipeline of the request that lines are about now, for who listens; None outside of one."""
    return _about.get().get("pipeline")


def bound() -> Mapping[str, Any]:
    """What lines say now of the request at hand."""
    return _about.get()


def tell_bound(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor of structlog: adds it to a line."""
    return {**_about.get(), **event}


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
    told = {name: value for name, value in known.items() if value is not None}
    before = _about.get()
    _about.set({**before, "request_key": request_key, **told, **logged_trace()})
    try:
        yield
    finally:
        if not _in_delivery.get():
            _about.set(before)
