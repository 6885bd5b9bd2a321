"""From a handler's events to the messages that are owed: each event in every form that is published."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bridge.contracts.envelope import EventStyle
from bridge.contracts.events import Event
from bridge.engine.incoming import IncomingRequest
from bridge.ledger import StoredEvent
from bridge.renderings.rendering import OutgoingEvent, Rendered, Rendering


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message, and the event that it was made of."""

    event: OutgoingEvent
    rendered: Rendered

    @property
    def stored(self) -> StoredEvent:
        """As it is written down with the end of the request, and published."""
        rendered = self.rendered
        return StoredEvent(rendered.id, rendered.topic, rendered.body, rendered.media_type)


@dataclass(frozen=True, slots=True)
class Renderer:
    """Renders the events of requests.

    Attributes:
        style: how this installation names its events.
        renderings: called in this order for each event.
    """

    style: EventStyle
    renderings: Collection[Rendering]

    def render(self, incoming: IncomingRequest, events: Sequence[Event]) -> list[OutgoingMessage]:
        """The messages of a request, in the order in which they are published.

        All messages of an event come before those of the next one: what closes a record is told last.

        Raises:
            RuntimeError: two messages of an event have one id; the second one would be taken for a repeat.
        """
        messages = []
        for number, event in enumerate(events, start=1):
            outgoing = incoming.outgoing(self.style, event, sequence=f"{number}/{len(events)}")
            made = [rendered for render in self.renderings for rendered in render(outgoing)]
            if len({rendered.id for rendered in made}) < len(made):
                raise RuntimeError(f"two messages of {event.kind} have one id")
            messages += [OutgoingMessage(outgoing, rendered) for rendered in made]
        return messages

    def stored(self, incoming: IncomingRequest, events: Sequence[Event]) -> list[StoredEvent]:
        """The same, as they are written down; for events that are never large."""
        return [message.stored for message in self.render(incoming, events)]
