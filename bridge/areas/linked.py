"""What came along because something else was asked for: told apart from what an area was searched for.

An answer about consultations or problems holds whatever those name, of any area (digest §2.2). It is shown,
and says nothing about how complete its area is; nor is it missing from the list of that area (§2.4).
"""

from collections.abc import Collection
from itertools import chain
from typing import Any

from bridge.areas.spec import AreaTable, Mapped
from bridge.mapping.lists import AreaList, Lists
from bridge.mapping.reading import Reading
from bridge.record import Identified


def tell_links(
    reading: Reading, table: AreaTable, lists: Lists, mapped: Collection[Mapped], wanted: Collection[str]
) -> None:
    """Say of every link where it leads, and of every item whether it only came along, or is in no list.

    Args:
        reading: with the links that were made.
        table: of the record.
        lists: the primary lists.
        mapped: the areas that were read.
        wanted: the names of the areas that were asked for.
    """
    if reading.links.any_made:
        reading.links.fill_in(_ids(reading, mapped))
    origins = _Origins(reading, table, lists, wanted)
    for area in mapped:
        for item in area.items:
            origins.judge(area, item)
    origins.forget_unlisted()


def _ids(reading: Reading, mapped: Collection[Mapped]) -> dict[str, set[str]]:
    """The `item_id` of all that came as a resource, by its reference."""
    ids: dict[str, set[str]] = {}
    for area in mapped:
        for part in area.parts:
            ids.setdefault(part["provenance"]["source_ref"], set()).add(part["item_id"])
    for received, item in reading.shown.values():
        ids.setdefault(received.ref, set()).add(item["item_id"])
    return ids


class _Origins:
    """What decides how an item came to be in the record."""

    def __init__(self, reading: Reading, table: AreaTable, lists: Lists, wanted: Collection[str]) -> None:
        self._reading = reading
        self._wanted = wanted
        self._brought = table.brought(wanted)
        self._secondary: set[str] = set()
        self._reached: set[str] = set()
        if self._brought:
            codes = set(chain.from_iterable(reading.codes_of.values()))
            self._secondary = {code for code in codes if table.lists.owner_of(code) is not None}
            self._reached = reading.links.reached_from(wanted)
        self._owners = table.owners
        self._lists: dict[str, list[AreaList]] = {}
        for name, found in lists.areas.items():
            if name in table.owners:
                self._lists.setdefault(table.owners[name], []).append(found)
        self._together: dict[tuple[str, str], AreaList] = {}
        self._listed_after_all: set[str] = set()

    def judge(self, area: Mapped, item: Any) -> None:
        spec, ref = area.spec, item["provenance"]["source_ref"]
        owner = self._owners.get(spec.list_name(item))
        if owner is None or owner not in self._wanted:
            if owner is None or owner in self._brought:
                item["linked_only"] = True
                self._take_back(item, ref)
            return
        named = self._named(owner, spec.name)
        if ref not in named.targets and self._came_along(area, item):
            item["linked_only"] = True
            self._take_back(item, ref)
        elif spec.marks_unlisted and (ref in named.deleted or ref not in named.firm):
            code = "list_entry_deleted" if ref in named.deleted else "not_in_list"
            item["issue_codes"].append(code)
            self._reading.report(code, ref)

    def _named(self, owner: str, area: str) -> AreaList:
        """What the lists of both areas name, all of them together."""
        key = owner, area
        if key not in self._together:
            together = AreaList()
            for each in (*self._lists.get(owner, ()), *(self._lists.get(area, ()) if area != owner else ())):
                together.targets |= each.targets
                together.deleted |= each.deleted
                together.firm |= each.firm
            self._together[key] = together
        return self._together[key]

    def forget_unlisted(self) -> None:
        """Take back what was reported of items that turned out to have come along."""
        if self._listed_after_all:
            self._reading.issues = [
                issue
                for issue in self._reading.issues
                if issue["code"] != "not_in_list" or issue.get("source_ref") not in self._listed_after_all
            ]

    def _came_along(self, area: Mapped, item: Any) -> bool:
        """Whether a secondary list names part of an item, or a link of what was asked for leads there."""
        return area.spec.name in self._brought and any(map(self._is_brought, area.spec.parts_of(item)))

    def _is_brought(self, part: Identified) -> bool:
        origin = part["provenance"]
        return origin["source_ref"] in self._reached or not self._secondary.isdisjoint(origin["list_codes"])

    def _take_back(self, item: Any, ref: str) -> None:
        if "not_in_list" in item["issue_codes"]:
            item["issue_codes"].remove("not_in_list")
            self._listed_after_all.add(ref)
