"""From a handler's events to the messages that are owed: each event in every form that is published."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bridge.bus.port import Dead, Disposition
from bridge.contracts.envelope import EventStyle
from bridge.contracts.events import Event
from bridge.engine.incoming import IncomingRequest
from bridge.engine.outcomes import INTERNAL, places, unforeseen
from bridge.ledger import StoredEvent
from bridge.observe import record
from bridge.observe.vocabulary.requests import RenderingFailed
from bridge.renderings.rendering import OutgoingEvent, Rendered, Rendering


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message, and the event that it was made of."""

    event: OutgoingEvent
    rendered: Rendered

    @property
    def stored(self) -> StoredEvent:
        """As it is written down with the end of the request, and published."""
        return _stored(self.rendered)


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
        """The messages of what a handler returned, in the order in which they are published.

        All messages of an event come before those of the next one: what closes a record is told last.

        Raises:
            RequestFailed: a rendering raised: half of an answer is none.
        """
        messages = []
        for number, event in enumerate(events, start=1):
            outgoing = incoming.outgoing(self.style, event, sequence=f"{number}/{len(events)}")
            made, error = self._forms(outgoing)
            if error is not None:
                raise unforeseen(error) from error
            messages += [OutgoingMessage(outgoing, rendered) for rendered in made]
        return messages

    def closing(
        self, incoming: IncomingRequest, event: Event, disposition: Disposition
    ) -> tuple[list[StoredEvent], Disposition]:
        """The one event by which the engine itself ends a request, and what is then done with its message.

        Never raises, or the request would be tried for ever to be ended. A rendering that does costs its own
        message alone: the others are published, and the request's lies among the dead letters, because
        somebody was not told.

        Args:
            incoming: the request.
            event: never large.
            disposition: what is done with the message when all renderings tell of it.
        """
        made, error = self._forms(incoming.outgoing(self.style, event, sequence="1/1"))
        if error is not None and not isinstance(disposition, Dead):
            disposition = Dead(INTERNAL, f"rendering: {type(error).__name__}")
        return [_stored(rendered) for rendered in made], disposition

    def _forms(self, event: OutgoingEvent) -> tuple[list[Rendered], Exception | None]:
        """What the renderings make of an event, and the first error of one, if any raised."""
        made: list[Rendered] = []
        first: Exception | None = None
        for render in self.renderings:
            try:
                more = list(render(event))
                ids = [each.id for each in (*made, *more)]
                if len(set(ids)) < len(ids):
                    # The second one would be taken for a repeat.
                    raise RuntimeError(f"two messages of {event.kind} have one id")  # noqa: TRY301 - as any fault of it
                made += more
            except Exception as error:  # noqa: BLE001 - a site's own rendering may raise anything
                record(RenderingFailed(event.kind, type(error).__name__, places(error)))
                first = first or error
        return made, first


def _stored(rendered: Rendered) -> StoredEvent:
    return StoredEvent(rendered.id, rendered.topic, rendered.body, rendered.media_type)
