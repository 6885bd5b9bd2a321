"""A made-up area that cannot be asked for and has no list: what GP Connect calls documents."""

from pydantic import with_config

from bridge.areas.events import AreaChanged, AreaPublished, area_published
from bridge.areas.spec import AreaAnswer, AreaSpec
from bridge.contracts.requests import Model
from bridge.fhir.read import Item
from bridge.mapping.provenance import item_id, keep_apart, provenance
from bridge.mapping.reading import Reading
from bridge.record.common import STRICT, AreaItem, Link

LETTERS_PUBLISHED = "letters.published.v1"


@with_config(STRICT)
class Letter(AreaItem):
    """One DocumentReference."""

    about: list[Link]


@with_config(STRICT)
class LettersPublished(AreaPublished):
    """``letters.published.v1``."""

    items: list[Letter]


def map_letters(answer: AreaAnswer[Model]) -> list[Letter]:
    reading = answer.reading
    found = []
    for received in reading.distinct("DocumentReference", "letters"):
        read = reading.read(received, "letters", lambda item: _read(reading, item))
        if read is not None:
            reading.keep(received)
            found.append(read)
    keep_apart(reading, found)
    return sorted(found, key=lambda each: each["item_id"])


def _read(reading: Reading, item: Item) -> Letter:
    origin = provenance(reading, item)
    return {
        "item_id": item_id(item, origin["business_ids"]),
        "about": reading.links.many(item, item.resource.get("related"), "related"),
        "provenance": origin,
        "issue_codes": item.codes(),
    }


LETTERS: AreaSpec[Model, Letter] = AreaSpec(
    name="letters",
    parameter="DocumentReferences",
    kinds={"DocumentReference": None},
    read=map_letters,
    kind=LETTERS_PUBLISHED,
    data=LettersPublished,
    changed=AreaChanged,
    publish=lambda record, _: area_published(LETTERS_PUBLISHED, record, "letters"),
)
