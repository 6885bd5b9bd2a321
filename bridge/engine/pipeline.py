"""How a pipeline is declared, and how installed ones are found."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from bridge.bus.port import QueueSpec
from bridge.contracts.events import Event
from bridge.contracts.requests import GpConnectRequest
from bridge.engine.context import Context
from bridge.errors import Misconfigured

ENTRY_POINTS = "gpconnect_bridge.pipelines"

R = TypeVar("R", bound=GpConnectRequest)
Handler = Callable[[R, Context], Awaitable[Sequence[Event]]]


@dataclass(frozen=True, slots=True)
class Pipeline(Generic[R]):
    """One queue in, one story, topics out.

    Attributes:
        name: names the queue: ``<prefix>.<name>``.
        accepts: routing key of the requests, ``<subject>.<verb>.v1``.
        request: the model a request must satisfy before the handler sees it.
        handler: the story. What it returns is published, in that order; what it raises decides between
            a retry, a failure event and a dead letter (`bridge.engine.runner`). It publishes nothing itself,
            so an error half-way leaves nothing behind.
        publishes: kind of each event it may return, and the type of its data (for the schemas).
    """

    name: str
    accepts: str
    request: type[R]
    handler: Handler[R]
    publishes: Mapping[str, Any] = field(default_factory=dict)

    def queue(self, prefix: str) -> QueueSpec:
        """The queue this pipeline reads, for a site's prefix."""
        return QueueSpec(f"{prefix}.{self.name}", (self.accepts,))


def pipeline(
    *, name: str, accepts: str, request: type[R], publishes: Mapping[str, Any]
) -> Callable[[Handler[R]], Pipeline[R]]:
    """Declare the decorated function as a pipeline. See `Pipeline` for the arguments."""

    def declare(handler: Handler[R]) -> Pipeline[R]:
        return Pipeline(name, accepts, request, handler, publishes)

    return declare


def installed_pipelines(only: Sequence[str] = ()) -> list[Pipeline[Any]]:
    """The pipelines of this installation, by the entry point group ``gpconnect_bridge.pipelines``.

    Args:
        only: names to keep; empty keeps all.

    Raises:
        Misconfigured: a name is unknown, or two pipelines share a name.
    """
    found: dict[str, Pipeline[Any]] = {}
    for point in entry_points(group=ENTRY_POINTS):
        declared: Pipeline[Any] = point.load()
        if declared.name in found:
            raise Misconfigured(f"two installed pipelines are named {declared.name!r}")
        found[declared.name] = declared
    if unknown := sorted(set(only) - set(found)):
        raise Misconfigured(f"no such pipeline: {', '.join(unknown)} (installed: {', '.join(sorted(found))})")
    return [found[name] for name in sorted(only or found)]
