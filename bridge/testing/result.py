"""What came of one delivery of a request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import orjson
from pydantic import TypeAdapter

from bridge.bus.port import Delivery

Outcome = Literal["completed", "failed", "rejected", "in_doubt", "retrying", "dead"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Published:
    """One message as it went out.

    Attributes:
        kind: ``<subject>.<verb>.v1``, the topic.
        id: the same for the same answer to the same request, however often it is published.
        content_type: of the body.
        body: the bytes; of an event a CloudEvents envelope in JSON.
        headers: beside the body: the trace it belongs to, if there is one.
    """

    kind: str
    id: str
    content_type: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def attributes(self) -> dict[str, Any]:
        """Of the envelope of an event."""
        return {name: value for name, value in self._event().items() if name != "data"}

    @property
    def data(self) -> dict[str, Any]:
        """What an event says, as its consumers read it."""
        data: dict[str, Any] = self._event()["data"]
        return data

    def _event(self) -> dict[str, Any]:
        event: dict[str, Any] = orjson.loads(self.body)
        return event


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one delivery.

    Attributes:
        outcome: ``completed``: the handler's events are out. ``failed``: ``request.failed`` is.
            ``rejected``: ``request.rejected`` is, and the message is a dead letter. ``in_doubt``: nobody
            knows what was done, and the operation's own event says so. ``retrying``: nothing is out, and it
            is tried again (`Site.run_again`). ``dead``: the engine or the handler is at fault;
            ``request.failed`` is out, and the message is a dead letter.
        events: what was published for it, in order.
        reason: a code: why it is tried again, or is a dead letter; empty else.
        retry_after: seconds until it is tried again; None when it is not.
    """

    outcome: Outcome
    events: Sequence[Published]
    reason: str
    retry_after: float | None
    delivery: Delivery = field(repr=False)
    """What was handed over, for `Site.run_again`."""
    pipeline: str

    @property
    def kinds(self) -> list[str]:
        """The kinds of the events, in order."""
        return [event.kind for event in self.events]

    def data(self, kind: str, of: type[T]) -> T:
        """The data of the one event of this kind, checked against its type.

        Raises:
            LookupError: there is none, or there are several.
            pydantic.ValidationError: it is not of this type.
        """
        found = [event.data for event in self.events if event.kind == kind]
        if len(found) != 1:
            published = ", ".join(self.kinds) or "none"
            raise LookupError(f"{len(found)} events of kind {kind}; published: {published}")
        return TypeAdapter(of).validate_python(found[0])
