"""From a handler's events to the messages that are owed: the events, and the further forms of the answer."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, Final

from bridge.areas.events import RECORD_COMPLETED
from bridge.areas.requests import RecordRequest
from bridge.bus.port import Dead, Disposition
from bridge.contracts.envelope import EventStyle
from bridge.contracts.events import Event
from bridge.contracts.renderings import RenderingOutcome
from bridge.engine.incoming import IncomingRequest
from bridge.engine.outcomes import INTERNAL, places, unforeseen
from bridge.hl7v2 import charset_named
from bridge.ledger import StoredEvent
from bridge.observe import record
from bridge.observe.vocabulary.requests import RenderingFailed, RenderingWithheld
from bridge.renderings import cloudevents_json
from bridge.renderings.rendering import (
    Hl7v2Options,
    OutgoingEvent,
    Remembered,
    Rendered,
    RenderingOptions,
    RenderingSpec,
    ToldBefore,
    WholeAnswer,
    Withheld,
)
from bridge.settings import Settings
from bridge.values import dataclass

_EVENTS: Final = "events"
"""What the form that always goes out is called in the log."""


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message, and the event that it was made of: of a form of the whole answer the last one."""

    event: OutgoingEvent
    rendered: Rendered

    @property
    def stored(self) -> StoredEvent:
        """As it is written down with the end of the request, and published."""
        return _stored(self.rendered)


@dataclass(frozen=True, slots=True)
class RenderedAnswer:
    """What a handler returned, rendered.

    Attributes:
        messages: in the order in which they are published.
        base: what the next answer about the patient is compared with; None: what is kept stays.
    """

    messages: Sequence[OutgoingMessage]
    base: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Form:
    """What one form made of an answer.

    Attributes:
        told: what the manifest says of it.
        error: that it raised, if it did.
    """

    made: Sequence[Rendered]
    told: Sequence[RenderingOutcome]
    remembered: Remembered | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Renderer:
    """Renders the answers to requests.

    Attributes:
        style: how this installation names its events.
        renderings: the further forms there are, by name.
        always: names of those that every answer gets; a request may ask for others.
        options: what the site chooses of them.
        largest: bytes that a message may have; None is without a limit. A larger one of a further form is
            withheld: the events must not fail for it.
    """

    style: EventStyle
    renderings: Mapping[str, RenderingSpec]
    always: Collection[str] = ()
    options: RenderingOptions = field(default_factory=RenderingOptions)
    largest: int | None = None

    def __post_init__(self) -> None:
        for name in self.always:
            self.renderings[name]  # loaded now, and not while the first answer waits

    def compares(self, incoming: IncomingRequest, events: Sequence[Event]) -> bool:
        """Whether any form of these events is made with what is kept of the answers before."""
        kinds = frozenset(event.kind for event in events)
        return any(spec.compares for spec in self._wanted(incoming, kinds))

    def render(
        self, incoming: IncomingRequest, events: Sequence[Event], before: ToldBefore | None = None
    ) -> RenderedAnswer:
        """The messages of what a handler returned, in the order in which they are published.

        The further forms stand before the last event: what closes a record is told last, and names them.

        Args:
            incoming: the request.
            events: what its handler returned.
            before: what is kept about the patient, where that `compares`.

        Raises:
            RequestFailed: an event cannot be written: half of an answer is none. A further form that cannot
                be made costs its own messages alone.
        """
        if not events:
            return RenderedAnswer([])
        answer = WholeAnswer(
            [
                incoming.outgoing(self.style, event, sequence=f"{number}/{len(events)}")
                for number, event in enumerate(events, start=1)
            ],
            before or ToldBefore(),
        )
        *parts, last = answer.events
        try:
            made = [OutgoingMessage(event, cloudevents_json.render(event)) for event in parts]
            ids = {last.id_on(last.kind), *(each.rendered.id for each in made)}
            forms = [self._form(spec, answer, ids) for spec in self._wanted(incoming, answer.kinds)]
            made += [OutgoingMessage(last, rendered) for form in forms for rendered in form.made]
            told = _told(last, forms)
            made.append(OutgoingMessage(told, cloudevents_json.render(told)))
            base = next((form.remembered.base for form in forms if form.remembered), None)
            return RenderedAnswer(made, base)
        except Exception as error:
            record(RenderingFailed(_EVENTS, last.kind, type(error).__name__, places(error)))
            raise unforeseen(error) from error

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
        answer = WholeAnswer([incoming.outgoing(self.style, event, sequence="1/1")])
        made: list[Rendered] = []
        failed: Exception | None = None
        ids = {answer.last.id_on(event.kind)}
        for spec in self._wanted(incoming, answer.kinds):
            form = self._form(spec, answer, ids)
            made += form.made
            failed = failed or form.error
        try:
            made.append(cloudevents_json.render(answer.last))
        except Exception as error:  # noqa: BLE001 - a site's own event may hold anything
            record(RenderingFailed(_EVENTS, event.kind, type(error).__name__, places(error)))
            failed = error
        if failed is not None and not isinstance(disposition, Dead):
            disposition = Dead(INTERNAL, f"rendering: {type(failed).__name__}")
        return [_stored(rendered) for rendered in made], disposition

    def _wanted(self, incoming: IncomingRequest, kinds: frozenset[str]) -> list[RenderingSpec]:
        """The forms of events of these kinds, in the order of their table."""
        request = incoming.request
        names = {*self.always, *(request.renderings if isinstance(request, RecordRequest) else ())}
        wanted = [self.renderings[name] for name in self.renderings if name in names]
        return [spec for spec in wanted if not spec.reads.isdisjoint(kinds)]

    def _form(self, spec: RenderingSpec, answer: WholeAnswer, ids: set[str]) -> _Form:
        """What one form makes of an answer, and what is told of that.

        Args:
            spec: the form.
            answer: all events.
            ids: those that are taken; its own are added.
        """
        kind = answer.last.kind
        try:
            sent = list(spec.render(answer, self.options))
            found = [self._within_bounds(each) for each in sent]
            if spec.compares and found != sent:
                found = self._none_of(spec, answer, found)
            made = [each for each in found if isinstance(each, Rendered)]
            taken = [each.id for each in made]
            if len(set(taken)) < len(taken) or not ids.isdisjoint(taken):
                # The second one would be taken for a repeat.
                raise RuntimeError(f"two messages of {kind} have one id")  # noqa: TRY301 - as any fault of it
            told = [each for each in found if not isinstance(each, Remembered)]
            if unknown := {each.topic for each in told} - set(spec.topics):
                raise RuntimeError(f"no topics of {spec.name}: {unknown}")  # noqa: TRY301 - as any fault of it
        except Exception as error:  # noqa: BLE001 - a site's own rendering may raise anything
            record(RenderingFailed(spec.name, kind, type(error).__name__, places(error)))
            failed: RenderingOutcome = {
                "rendering": spec.name,
                "outcome": "withheld",
                "reason": "internal_error",
                "detail": type(error).__name__,
            }
            return _Form([], [failed], error=error)
        ids.update(taken)
        remembered = next((each for each in found if isinstance(each, Remembered)), None)
        return _Form(made, [_outcome(spec, each) for each in told], remembered)

    def _within_bounds(self, found: Rendered | Withheld | Remembered) -> Rendered | Withheld | Remembered:
        """What a form gave; a message that no broker would take is withheld."""
        if self.largest is None or not isinstance(found, Rendered) or len(found.body) <= self.largest:
            return found
        return Withheld(found.topic, "too_large", f"{len(found.body)} bytes, at most {self.largest}")

    def _none_of(
        self, spec: RenderingSpec, answer: WholeAnswer, found: Sequence[Rendered | Withheld | Remembered]
    ) -> list[Rendered | Withheld | Remembered]:
        """What a form that compares comes to where one of its messages is too large: none of them goes out.

        What is kept is of all areas together. Were some told and it not moved, an area that became as it was
        before would be "unchanged", and its readers would hold what was told in between for good.
        """
        withheld = [
            Withheld(each.topic, "too_large", "with another message of this form")
            if isinstance(each, Rendered)
            else each
            for each in found
            if not isinstance(each, Remembered)
        ]
        untold = replace(answer, before=replace(answer.before, fault="too_large"))
        remembered = [each for each in spec.render(untold, self.options) if isinstance(each, Remembered)]
        return [*withheld, *(replace(each, base=None) for each in remembered)]


def rendering_options(settings: Settings) -> RenderingOptions:
    """What the site chooses of renderings."""
    of = settings.hl7v2
    charset = charset_named(of.charset)
    assert charset is not None  # the setting allows no other
    hl7v2 = Hl7v2Options(
        sending=(of.sending_application, of.sending_facility or ""),
        receiving=(of.receiving_application or "", of.receiving_facility or ""),
        processing_id=of.processing_id,
        charset=charset,
        allergies=of.allergies,
    )
    return RenderingOptions(r4_profile=settings.r4.profile, hl7v2=hl7v2)


def _outcome(spec: RenderingSpec, found: Rendered | Withheld) -> RenderingOutcome:
    """What the manifest says of one message; a withheld one is told in the log as well."""
    if isinstance(found, Rendered):
        return {
            "rendering": spec.name,
            "outcome": "rendered",
            "topic": found.topic,
            "event_id": found.id,
        }
    record(RenderingWithheld(spec.name, found.topic, found.reason, found.detail or None))
    outcome: RenderingOutcome = {
        "rendering": spec.name,
        "outcome": "withheld",
        "topic": found.topic,
        "reason": found.reason,
    }
    if found.detail:
        outcome["detail"] = found.detail
    return outcome


def _told(last: OutgoingEvent, forms: Sequence[_Form]) -> OutgoingEvent:
    """The event that closes an answer, with what became of its further forms where it is a manifest."""
    if last.kind != RECORD_COMPLETED:
        return last
    said: dict[str, Any] = {}
    if outcomes := [outcome for form in forms for outcome in form.told]:
        said["renderings"] = outcomes
    for form in forms:
        if form.remembered is not None:
            said |= form.remembered.manifest
    return replace(last, data={**last.data, **said}) if said else last


def _stored(rendered: Rendered) -> StoredEvent:
    return StoredEvent(rendered.id, rendered.topic, rendered.body, rendered.media_type)
