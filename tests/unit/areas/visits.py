"""A made-up area that names items of others: what GP Connect calls consultations, and no more of it."""

from functools import partial
from typing import Any, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bridge.areas.events import AreaChanged, AreaPublished, area_published
from bridge.areas.period import PeriodOptions
from bridge.areas.spec import AreaAnswer, AreaSpec, ListOfArea
from bridge.fhir.index import ReceivedEntry
from bridge.fhir.parameters import Value
from bridge.fhir.read import Item
from bridge.mapping.provenance import item_id, keep_apart, provenance
from bridge.mapping.reading import Reading
from bridge.record.common import STRICT, AreaItem, Link

PERIOD = "consultationSearchPeriod"
MOST_RECENT = "includeNumberOfMostRecent"
VISITS_PUBLISHED = "visits.published.v1"


class VisitOptions(PeriodOptions):
    """Of a period, or the newest ones."""

    most_recent: int | None = None


def query(options: VisitOptions) -> dict[str, Value]:
    recent = {} if options.most_recent is None else {MOST_RECENT: options.most_recent}
    return {**options.period(PERIOD), **recent}


@with_config(STRICT)
class Visit(AreaItem):
    """One Encounter, and what its list names."""

    items: list[Link]
    words: list[str]


@with_config(STRICT)
class VisitFields(TypedDict):
    visits: NotRequired[list[Visit]]


@with_config(STRICT)
class VisitsPublished(AreaPublished):
    """``visits.published.v1``."""

    items: list[Visit]


def map_visits(answer: AreaAnswer[VisitOptions]) -> list[Visit]:
    reading = answer.reading
    entries: dict[str, list[Any]] = {}
    for each in reading.index.resources("List"):
        if (encounter := each.resource.get("encounter")) is not None:
            entries[encounter["reference"]] = [entry["item"] for entry in each.resource["entry"]]
    found = []
    for received in reading.distinct("Encounter", "visits"):
        named = entries.get(received.ref, [])
        words = [each for each in map(partial(_narrative, reading), named) if each is not None]
        read = reading.read(received, "visits", partial(_read, reading, named, words))
        if read is not None:
            reading.keep(received)
            found.append(read)
            for each in words:
                reading.show(each, read)
    keep_apart(reading, found)
    return sorted(found, key=lambda each: each["item_id"])


def _narrative(reading: Reading, named: Any) -> ReceivedEntry | None:
    found = reading.index.resolve(named.get("reference"))
    return found if found is not None and _is_narrative(reading, found) else None


def _is_narrative(reading: Reading, received: ReceivedEntry) -> bool:
    return received.kind == "Observation" and reading.uses.of(received.ref, received.resource) == "narrative"


def _read(reading: Reading, named: list[Any], words: list[ReceivedEntry], item: Item) -> Visit:
    origin = provenance(reading, item)
    shown = {each.ref for each in words}
    return {
        "item_id": item_id(item, origin["business_ids"]),
        "items": reading.links.many(
            item, [each for each in named if each.get("reference") not in shown], "entry.item"
        ),
        "words": [each.resource["comment"] for each in words],
        "provenance": origin,
        "issue_codes": item.codes(),
    }


VISITS: AreaSpec[VisitOptions, Visit] = AreaSpec(
    name="visits",
    parameter="includeConsultations",
    lists=(ListOfArea(name="visits", code="1149501000000101", bare_ids="Encounter"),),
    kinds={"Encounter": None, "Observation": _is_narrative},
    options=VisitOptions,
    query=query,
    parts=(PERIOD, MOST_RECENT),
    fields={PERIOD: "from, to", MOST_RECENT: "most_recent"},
    read=map_visits,
    brings_linked=True,
    kind=VISITS_PUBLISHED,
    data=VisitsPublished,
    changed=AreaChanged,
    publish=lambda record, _: area_published(VISITS_PUBLISHED, record, "visits"),
)
