"""A made-up area that names items of others: what GP Connect calls consultations, and no more of it."""

from functools import partial
from typing import Any

from pydantic import with_config
from typing_extensions import TypedDict

from bridge.areas.events import AreaPublished, area_published
from bridge.areas.spec import AreaAnswer, AreaSpec, ListOfArea
from bridge.contracts.requests import Model
from bridge.fhir.read import Item
from bridge.mapping.provenance import item_id, keep_apart, provenance
from bridge.mapping.reading import Reading
from bridge.record.common import STRICT, AreaItem, Link

VISITS_PUBLISHED = "visits.published.v1"


class VisitOptions(Model):
    pass


@with_config(STRICT)
class Visit(AreaItem):
    """One Encounter, and what its list names."""

    items: list[Link]


@with_config(STRICT)
class VisitFields(TypedDict):
    visits: list[Visit]


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
        read = reading.read(received, "visits", partial(_read, reading, named))
        if read is not None:
            reading.keep(received)
            found.append(read)
    keep_apart(reading, found)
    return sorted(found, key=lambda each: each["item_id"])


def _read(reading: Reading, named: list[Any], item: Item) -> Visit:
    origin = provenance(reading, item)
    return {
        "item_id": item_id(item, origin["business_ids"]),
        "items": reading.links.many(item, named, "entry.item"),
        "provenance": origin,
        "issue_codes": item.codes(),
    }


VISITS: AreaSpec[VisitOptions, Visit] = AreaSpec(
    name="visits",
    parameter="includeConsultations",
    lists=(ListOfArea(name="visits", code="1149501000000101", bare_ids="Encounter"),),
    kinds={"Encounter": None},
    options=VisitOptions,
    query=lambda _: {},
    read=map_visits,
    brings_linked=True,
    kind=VISITS_PUBLISHED,
    data=VisitsPublished,
    publish=lambda record, _: area_published(VISITS_PUBLISHED, record, "visits"),
)
