"""What every event of the vocabulary is, and of which kinds its fields may be."""

from dataclasses import Field, fields
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeAlias, get_args, get_type_hints

Level: TypeAlias = Literal["debug", "info", "warning", "error"]

Outcome: TypeAlias = Literal["completed", "failed", "rejected", "in_doubt", "retrying", "dead"]
"""How a request stands after a try. `dead`: its message lies among the dead letters; where its sender was at
fault that is `rejected`."""

EndedAs: TypeAlias = Literal["completed", "failed", "rejected", "in_doubt"]
"""How a request stands in the ledger once a try has ended it, whatever was done with its message."""

UpstreamName: TypeAlias = Literal["pds", "sds", "ssp", "practice", "mllp"]

Code: TypeAlias = Annotated[str, "code"]
"""A word or a name without blanks: a failure code, a queue, an ODS code, the type of an error, an id."""
Words: TypeAlias = Annotated[str, "words"]
"""Words of our own, or of a standard: names of fields and rules, of files and lines. Never the text of an
unforeseen error, nor anything that came in a body."""
TextKind: TypeAlias = Literal["code", "words"]


class TelemetryEvent:
    """Something that happened, as `bridge.observe.recorder.record` takes it: each is a dataclass.

    The docstring of each class is its row in the table of log events (README.md beside this package); fields
    mean what `bridge.observe.vocabulary.fields` says, the same in every event. There is no field for anything
    of a patient: the types are counts, times, codes and words of our own (JO-033).

    Attributes:
        name: of the log line.
        level: of the log line.
    """

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    name: ClassVar[str]
    level: ClassVar[Level] = "info"

    @property
    def severity(self) -> Level:
        """The level of this very event: a few are graver in some cases."""
        return self.level


class RequestEvent(TelemetryEvent):
    """Something that happened to one request: recorded where that is bound, so its line has `request_key`.

    On a bus that is so wherever the handler of the queue names requests (`bridge.bus.port.NamesRequests`).
    """

    __slots__ = ()


class Layout(NamedTuple):
    """The fields of an event in order, and which of them hold text, or several texts, of which kind."""

    names: tuple[str, ...]
    texts: tuple[tuple[str, TextKind], ...]


_layouts: dict[type, Layout] = {}


def layout(event: type[TelemetryEvent]) -> Layout:
    """What an event is made of; worked out once."""
    if event not in _layouts:
        hints = get_type_hints(event, include_extras=True)
        names = tuple(field.name for field in fields(event))
        kinds = ((name, _text_kind(hints[name])) for name in names)
        _layouts[event] = Layout(names, tuple((name, kind) for name, kind in kinds if kind is not None))
    return _layouts[event]


def _text_kind(hint: object) -> TextKind | None:
    if hint == Code:
        return "code"
    if hint == Words:
        return "words"
    return next((kind for part in get_args(hint) if (kind := _text_kind(part)) is not None), None)
