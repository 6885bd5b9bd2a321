"""Events that are at hand, read for a page to look at: what is in them, or which field breaks which rule."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from bridge.areas import AREAS, GpRecord
from bridge.areas.allergies.events import ALLERGIES_PUBLISHED
from bridge.areas.events import RECORD_COMPLETED
from bridge.areas.medications.events import MEDICATIONS_PUBLISHED
from bridge.areas.publishing import record_events
from bridge.areas.record_page import Events, render
from bridge.contracts.care_record_events import CARE_RECORD_SECTION
from bridge.contracts.envelope import faults_of
from bridge.contracts.events import EVENT_TYPES, REQUEST_FAILED, REQUEST_REJECTED
from bridge.operations.errors import OperationRefused
from bridge.record.care_record import CareRecordSection
from bridge.record.nhs_number import holds_nhs_number

_MODELS: Final[Mapping[str, Any]] = {
    **record_events(),
    **EVENT_TYPES,
    CARE_RECORD_SECTION: CareRecordSection,
}
_RECORD: Final = "record"
_AREAS: Final = tuple(each.name for area in AREAS.areas if area.always_read for each in area.lists)
"""What each record tells of, also one that was made before other areas were."""


class NotShowable(OperationRefused):
    """What cannot be shown; the text says why in one line, and nothing of a patient."""


def page(files: Iterable[tuple[str, bytes | None]]) -> str:
    """One self-contained HTML page of the record in these events.

    Args:
        files: by name. In each may stand one event, several, one a line, a list of them, or what `bridge map`
            prints; None stands for one that cannot be read.

    Raises:
        NotShowable: a file cannot be read, an event is malformed or of a kind that nothing publishes, or
            there is nothing to show.
    """
    events = Events()
    for place, (name, body) in enumerate(files, 1):
        try:
            for number, document in enumerate(_documents(_text(body)), 1):
                _take(document, events, f"event {number}")
        except NotShowable as error:
            # A name may hold what no error text may.
            told = f"file {place}" if holds_nhs_number(name) else name
            raise NotShowable(f"{told}: {error}") from None
    if not (events.sections or events.is_of_a_record()):
        raise NotShowable("no structured record and no section of a care record is in there")
    return render(events)


def _text(body: bytes | None) -> str:
    try:
        if body is not None:
            return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    raise NotShowable("cannot be read as text")


def _documents(text: str) -> Iterator[Any]:
    """JSON documents, one after the other; those of a list by themselves."""
    decoder = json.JSONDecoder()
    position = _next(text, 0)
    while position < len(text):
        try:
            document, position = decoder.raw_decode(text, position)
        except (json.JSONDecodeError, RecursionError):
            raise NotShowable("is not JSON, or is cut off") from None
        position = _next(text, position)
        yield from document if isinstance(document, list) else [document]


def _next(text: str, position: int) -> int:
    """Where the next document begins."""
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _take(event: Any, events: Events, place: str) -> None:
    if not isinstance(event, dict):
        raise NotShowable(f"{place}: must be a JSON object")
    if "type" not in event and "snapshot_id" in event and "medications" in event:
        record = _valid(_RECORD, event, events, place, "")
        if missing := [name for name in _AREAS if name not in {each["area"] for each in record["areas"]}]:
            raise NotShowable(f"{place}: areas: must have {missing[0]}")
        events.add_record(record)
        return
    kind = _kind(event.get("type"), place)
    if kind not in _MODELS:
        return
    if "data" not in event and "dataref" in event:
        raise NotShowable(f"{place}: data: is held apart (dataref); fetch it first")
    data = _valid(kind, event.get("data"), events, place, "data")
    takers: Mapping[str, Callable[[Any], None]] = {
        CARE_RECORD_SECTION: events.sections.append,
        MEDICATIONS_PUBLISHED: events.medications.append,
        ALLERGIES_PUBLISHED: events.allergies.append,
        RECORD_COMPLETED: events.completed.append,
        REQUEST_FAILED: events.failed.append,
        REQUEST_REJECTED: events.rejected.append,
    }
    if kind in takers:
        takers[kind](data)
    else:
        events.areas.setdefault(kind, []).append(data)


def _kind(sent: Any, place: str) -> str:
    """The kind that a type names, whatever prefix this installation gives it."""
    if not isinstance(sent, str):
        raise NotShowable(f"{place}: type: is required, as text")
    # Pipelines are loaded only for what no page shows.
    found = _named(sent, _MODELS) or _named(sent, _published())
    if found is None:
        raise NotShowable(f"{place}: type: is none that an installed pipeline publishes")
    return found


def _named(sent: str, kinds: Iterable[str]) -> str | None:
    return next((kind for kind in kinds if sent == kind or sent.endswith(f".{kind}")), None)


@cache
def _published() -> tuple[str, ...]:
    """Every kind that this installation publishes: what of it no page shows is passed over."""
    from bridge.pipelines.installed import installed_pipelines  # noqa: PLC0415 - slow to load, and seldom needed

    operations = (each for pipeline in installed_pipelines() for each in pipeline.operations)
    return tuple(kind for operation in operations for kind in operation.publishes)


@cache
def _model(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(GpRecord if kind == _RECORD else _MODELS[kind])


def _valid(kind: str, data: Any, events: Events, place: str, root: str) -> Any:
    """The data, without fields that a later version may have added (they are told of, and not shown)."""
    try:
        return _model(kind).validate_python(data)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        if all(fault["type"] == "extra_forbidden" for fault in faults):
            events.unknown_fields = True
            return _model(kind).validate_python(data, extra="ignore")
        (field, rule), *more = faults_of(error, *filter(None, [root]))
        others = f" (and {len(more)} more faults)" if more else ""
        raise NotShowable(f"{place}: {field}: {rule}{others}") from None
