"""How a pipeline is declared: one queue, and a handler for each kind of request in it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from typing import Any, Generic, TypeVar

from bridge.bus.port import QueueSpec
from bridge.contracts.events import Event
from bridge.contracts.requests import GpConnectRequest
from bridge.pipelines.context import Context
from bridge.pipelines.side_effects import InDoubt
from bridge.values import dataclass

R = TypeVar("R", bound=GpConnectRequest)
Handler = Callable[[R, Context], Awaitable[Sequence[Event]]]
TellInDoubt = Callable[[R, InDoubt], Event]


@dataclass(frozen=True, slots=True)
class Operation(Generic[R]):
    """What is done with one kind of request.

    Attributes:
        accepts: routing key of the requests, ``<subject>.<verb>.v1``.
        request: the model a request must satisfy before the handler sees it.
        handler: the story. What it returns is published, in that order; what it raises decides between
            a retry, a failure event and a dead letter (`bridge.engine.runner`). It publishes nothing itself,
            so an error half-way leaves nothing behind. It may be run again from the start at any time: what
            must happen once it does in `Context.once`.
        publishes: kind of each event it may return, and the type of its data (for the schemas).
        ordered: whether requests about the same patient are worked on one after another, in order of arrival,
            together with those of every other ordered operation.
        in_doubt: makes the event that says that nobody knows yet what was done; needed by whoever uses
            `Context.once`.
    """

    accepts: str
    request: type[R]
    handler: Handler[R]
    publishes: Mapping[str, Any] = field(default_factory=dict)
    ordered: bool = False
    in_doubt: TellInDoubt[R] | None = None

    @property
    def changes_nothing(self) -> bool:
        """Whether such a request only reads: it has no `Context.once`, and may be asked again."""
        return self.in_doubt is None


class Pipeline:
    """One queue in, a story for each kind of request in it, topics out.

    ::

        appointments = Pipeline("appointments")

        @appointments.operation(accepts="slots.requested.v1", request=SlotsRequest, publishes={...})
        async def find_slots(request: SlotsRequest, gp: Context) -> list[Event]: ...

    Args:
        name: names the queue: ``<prefix>.<name>``.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._operations: dict[str, Operation[Any]] = {}

    @property
    def operations(self) -> Sequence[Operation[Any]]:
        """In the order in which they were declared."""
        return tuple(self._operations.values())

    def operation(
        self,
        *,
        accepts: str,
        request: type[R],
        publishes: Mapping[str, Any],
        ordered: bool = False,
        in_doubt: TellInDoubt[R] | None = None,
    ) -> Callable[[Handler[R]], Handler[R]]:
        """Declare the decorated function as an operation. See `Operation` for the arguments."""
        if accepts in self._operations:
            raise ValueError(f"pipeline {self.name!r} has two operations that accept {accepts!r}")

        def declare(handler: Handler[R]) -> Handler[R]:
            self._operations[accepts] = Operation(accepts, request, handler, publishes, ordered, in_doubt)
            return handler

        return declare

    def operation_for(self, key: str) -> Operation[Any] | None:
        """Which operation takes a message with this routing key; None when none does.

        A queue of one operation takes whatever lies in it, however a site has bound it.
        """
        if len(self._operations) == 1:
            return self.operations[0]
        return self._operations.get(key)

    def queue(self, prefix: str) -> QueueSpec:
        """The queue this pipeline reads, for a site's prefix."""
        return QueueSpec(f"{prefix}.{self.name}", tuple(self._operations))


def pipeline(
    *,
    name: str,
    accepts: str,
    request: type[R],
    publishes: Mapping[str, Any],
    ordered: bool = False,
    in_doubt: TellInDoubt[R] | None = None,
) -> Callable[[Handler[R]], Pipeline]:
    """Declare the decorated function as a pipeline of one operation. See `Operation` for the arguments."""

    def declare(handler: Handler[R]) -> Pipeline:
        declared = Pipeline(name)
        declared.operation(
            accepts=accepts, request=request, publishes=publishes, ordered=ordered, in_doubt=in_doubt
        )(handler)
        return declared

    return declare
