"""The resources of a type as items, and the order in which they stand."""

from collections.abc import Callable
from operator import itemgetter
from typing import TypeVar

from bridge.fhir.index import ReceivedEntry
from bridge.fhir.read import Item
from bridge.mapping.provenance import keep_apart
from bridge.mapping.reading import Reading
from bridge.record.common import Identified, PartialDate
from bridge.record.dates import sort_key

ItemT = TypeVar("ItemT", bound=Identified)


def read_items(
    reading: Reading,
    kind: str,
    area: str,
    build: Callable[[Reading, Item], ItemT],
    is_of_area: Callable[[Reading, ReceivedEntry], bool] | None = None,
) -> list[ItemT]:
    """Every resource of a type that can be read, each kept, with ids that tell them apart; as they came.

    Args:
        reading: the bundle being mapped.
        kind: the type of resource.
        area: whose items they are, for what is set aside.
        build: makes an item of one.
        is_of_area: which are of this area, where the type is of several.
    """
    found: list[ItemT] = []
    for received in reading.distinct(kind, area, is_of_area):
        made = reading.read(received, area, lambda item: build(reading, item))
        if made is not None:
            reading.keep(received)
            found.append(made)
    keep_apart(reading, found)
    return found


def newest_first(items: list[ItemT], on: Callable[[ItemT], PartialDate | None]) -> list[ItemT]:
    """The items by the date that `on` gives; of one date by their ids, so that no order sent decides."""
    if len(items) < 2:  # noqa: PLR2004 - one is in order
        return items
    by_id = sorted(items, key=itemgetter("item_id"))
    return sorted(by_id, key=lambda each: sort_key(on(each)), reverse=True)
