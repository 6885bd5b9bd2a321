"""An answer held against what is kept of those before it: what changed, and what is kept from now on.

Every area is compared by itself, with what was told of it last. An area that is unchanged keeps the snapshot
id that was told last, so that the events of one area chain: the base of each is the snapshot of the one
before it, whatever was asked for in between.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Any, Final, Literal, Protocol, Self

import orjson

from bridge.areas.events import RecordHeader
from bridge.areas.spec import AreaSpec, AreaTable
from bridge.areas.table import AREAS
from bridge.contracts.changes import AreaCompared, ChangeOp, NotCompared, WholeBecause
from bridge.contracts.events import Written
from bridge.renderings.changes.base import Base, KnownArea, KnownItem
from bridge.renderings.changes.hashing import item_hash, said_hash
from bridge.values import dataclass

Unusable = Literal["base_unusable"]
"""Something is kept, and cannot be opened or read."""

REMEMBERED_MISSING: Final = 1000
"""Of an area: so many items that nobody expects, because they were not returned or only ever came along with
something else, are known to come again. One that came longer ago counts as added."""
_DETAIL: Final = "issues_included"
_DETAILS: Final = frozenset({"include_issues"})
"""Options that leave something out of items, and no item."""
_NOT_ANSWERED: Final = frozenset({"failed", "not_supported", "list_absent", "list_unusable", "unavailable"})
"""With these, that an item did not come says nothing at all of it."""
_OF_THE_REQUEST: Final = ("limited_to", "search_from")
_NEWEST: Final = "most_recent"
"""A limit by which one item goes when another comes: asked for again, it is another part of the area."""
_COUNTS: Final = frozenset({"listed", "mapped", "received", "linked"})
_IN_NO_DELTA: Final = frozenset({"items", "content_hash"})
_OF_THE_ANSWER: Final = frozenset(
    {*RecordHeader.__annotations__, *_IN_NO_DELTA, "linked_problems", "unmapped", "issues"}
)
"""Of what an event says: what is of all areas that were asked for, or of this answer alone."""


class PublishedEvent(Protocol):
    """An event as it is published, before it has a form."""

    @property
    def kind(self) -> str:
        """``<subject>.<verb>.v1``."""

    @property
    def data(self) -> Mapping[str, Any]:
        """As its contract has it."""

    @property
    def written(self) -> Mapping[str, Written]:
        """What of it is JSON already."""


@dataclass(frozen=True, slots=True)
class ChangedArea:
    """An area of which something is told.

    Attributes:
        published: the event that tells all of it.
        kind: of the event that tells what changed.
        data: of that event.
    """

    published: PublishedEvent
    kind: str
    data: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What an answer came to, held against what was told before.

    Attributes:
        told: the areas of which something is told, in the order of the answer.
        compared: what the manifest says of every area that was asked for.
        keep: what the next answer is compared with; None: what is kept stays as it is.
    """

    told: Sequence[ChangedArea] = ()
    compared: Sequence[AreaCompared] = ()
    keep: Base | None = field(default=None, repr=False)

    @property
    def changed(self) -> bool | None:
        """Whether anything is not as it was told last; None when that is not known."""
        outcomes = {each["outcome"] for each in self.compared}
        if "changed" in outcomes:
            return True
        return False if outcomes == {"unchanged"} else None

    def not_told(self, reason: NotCompared) -> Self:
        """The same answer where nothing of it can be told or kept."""
        return type(self)(compared=[_not_compared(each["area"], reason) for each in self.compared])


def compare(
    events: Iterable[PublishedEvent], base: Base | Unusable | None, table: AreaTable = AREAS
) -> Comparison:
    """Hold an answer against what is kept of those before it.

    Args:
        events: of the answer.
        base: what is kept about the patient; None: nothing.
        table: the areas of this installation.
    """
    specs = {spec.kind: spec for spec in table.areas}
    areas = [
        _Area(specs[event.kind], event)
        for event in events
        if event.kind in specs and _is_compared(specs[event.kind], event)
    ]
    if not areas:
        return Comparison()
    header = areas[0].event.data
    holder = header.get("holder_ods")
    if header["demographics"]["verdict"] != "accept" or holder is None:
        reason: NotCompared = "practice_unknown" if holder is None else "patient_in_review"
        return Comparison(compared=[_not_compared(area.name, reason) for area in areas])
    why: WholeBecause = "first"
    known: dict[str, KnownArea] = {}
    if base == "base_unusable":
        why = "base_unusable"
    elif base is not None and base.holder_ods != holder:
        if any(_is_older(areas[0], kept) for kept in base.areas.values()):
            # Of the practice of before: the patient must not be moved back to it.
            return Comparison(compared=[_not_compared(area.name, "older_answer") for area in areas])
        why = "practice_changed"
    elif base is not None:
        known = dict(base.areas)
    told: list[ChangedArea] = []
    compared: list[AreaCompared] = []
    for area in areas:
        outcome, delta, keep = _compared(area, known.get(area.name), why)
        compared.append(outcome)
        if delta is not None:
            told.append(ChangedArea(area.event, area.spec.changed_kind, area.delta(delta)))
        if keep is not None:
            known[area.name] = keep
    return Comparison(told, compared, Base(holder, known))


def _is_compared(spec: AreaSpec[Any, Any], event: PublishedEvent) -> bool:
    """An area that was not asked for says nothing; one that cannot be, all that it ever does."""
    return event.data["area"]["outcome"] != "not_requested" or spec.options is None


def _not_compared(area: str, reason: NotCompared) -> AreaCompared:
    return {"area": area, "outcome": "not_compared", "reason": reason}


class _Area:
    """One area of an answer, as far as it is compared.

    Attributes:
        blocks: how it was answered, and how its further lists were.
        limits: what of the request leaves something out, as text; empty: nothing does.
        is_newest_only: whether what comes depends on what is newer.
        has_detail: whether everything of each item was asked for.
        is_doubtful: whether this is not all there is, or not of all.
        is_answered: whether the practice answered for it at all.
        said: hash of what is told beside the items.
    """

    def __init__(self, spec: AreaSpec[Any, Any], event: PublishedEvent) -> None:
        data = event.data
        self.spec = spec
        self.event = event
        self.name = spec.name
        self.items: Sequence[Any] = data["items"]
        self.blocks = [each for name, each in data.items() if name == "area" or name.endswith("_area")]
        self.limits = _limits(data["area"])
        self.is_newest_only = _NEWEST in data["area"].get("limited_to", ())
        self.has_detail: bool = data.get(_DETAIL, True)
        self.is_doubtful = bool(self.limits) or any(
            each["warnings"] or not each["complete"] for each in self.blocks
        )
        self.is_answered = data["area"]["outcome"] != "not_requested" and all(
            each["outcome"] not in _NOT_ANSWERED for each in self.blocks
        )
        self.said = said_hash([self._described(), sorted(data["unmapped"], key=orjson.dumps)])

    @property
    def snapshot_id(self) -> str:
        """Of the answer."""
        return str(self.event.data["snapshot_id"])

    @property
    def retrieved_at(self) -> str:
        """RFC 3339, UTC."""
        return str(self.event.data["retrieved_at"])

    def delta(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The data of the event that tells what changed: as published, with the changes for the items."""
        said = {name: value for name, value in self.event.data.items() if name not in _IN_NO_DELTA}
        return {**said, **changes}

    def known(self, item: Any, before: KnownItem | None) -> KnownItem:
        """What is kept of an item that came."""
        only_linked = "linked_only" in item and (before is None or before.is_linked)
        return KnownItem(item_hash(item), is_over=self.spec.is_over(item), is_linked=only_linked)

    def covers_all(self, before: KnownArea | None) -> bool:
        """Whether what is known and did not come was asked for as well, and the practice answered."""
        is_same_part = before is not None and self.limits == before.limits and not self.is_newest_only
        return self.is_answered and (not self.limits or is_same_part)

    def keep(
        self, items: Mapping[str, KnownItem], before: KnownArea | None, *, snapshot_id: str, has_detail: bool
    ) -> KnownArea:
        """What is kept of the area from now on."""
        is_one_question = before is None or self.limits == before.limits or self.covers_all(before)
        return KnownArea(
            snapshot_id=snapshot_id,
            retrieved_at=self.retrieved_at,
            said=self.said,
            limits=self.limits if is_one_question else None,
            has_detail=has_detail,
            is_doubtful=self.is_doubtful,
            items=items,
        )

    def _described(self) -> dict[str, Any]:
        described: dict[str, Any] = {}
        for name, value in self.event.data.items():
            if name in _OF_THE_ANSWER:
                continue
            is_block = any(value is each for each in self.blocks)
            described[name] = _without_counts(value) if is_block else value
        return described


_Found = tuple[AreaCompared, Mapping[str, Any] | None, KnownArea | None]
"""For the manifest; what the event of changes says of them; what is kept. None: no event; it stays."""


def _compared(area: _Area, before: KnownArea | None, why: WholeBecause) -> _Found:
    if len({item["item_id"] for item in area.items}) < len(area.items):
        return _not_compared(area.name, "ids_repeat"), None, None
    if before is None:
        return _whole(area, None, why)
    if _is_older(area, before):
        return _not_compared(area.name, "older_answer"), None, None
    if before.has_detail and not area.has_detail:
        # Told as changed, every item would lose what was not asked for.
        return _not_compared(area.name, "less_asked"), None, None
    if area.has_detail and not before.has_detail and (area.is_answered or area.items):
        return _whole(area, before, "more_asked")
    return _changes(area, before)


def _is_older(area: _Area, kept: KnownArea) -> bool:
    return datetime.fromisoformat(area.retrieved_at) < datetime.fromisoformat(kept.retrieved_at)


def _whole(area: _Area, before: KnownArea | None, why: WholeBecause) -> _Found:
    """All that came, told anew; what was known beside it and was not asked for is still expected."""
    earlier = before.items if before is not None else {}
    items = {item["item_id"]: area.known(item, earlier.get(item["item_id"])) for item in area.items}
    covers_all = area.covers_all(before)
    changes = [
        {
            "op": "added",
            "item_id": item["item_id"],
            "after_hash": _as_told(items[item["item_id"]]),
            "item": item,
        }
        for item in area.items
    ]
    delta = {
        "base_snapshot_id": None,
        "whole_because": why,
        "covers": "all_items" if covers_all else "returned_items",
        "changes": sorted(changes, key=_by_id),
    }
    if not covers_all:
        items |= _bounded({name: known for name, known in earlier.items() if name not in items})
    keep = area.keep(items, before, snapshot_id=area.snapshot_id, has_detail=area.has_detail)
    return {"area": area.name, "outcome": "whole", "reason": why}, delta, keep


def _changes(area: _Area, before: KnownArea) -> _Found:
    covers_all = area.covers_all(before)
    items: dict[str, KnownItem] = {}
    changes: list[dict[str, Any]] = []
    for item in area.items:
        name = item["item_id"]
        known = before.items.get(name)
        items[name] = now = area.known(item, known)
        if (op := _op(known, now)) is not None:
            change = {"op": op, "item_id": name, "after_hash": _as_told(now), "item": item}
            changes.append(change if known is None else {**change, "before_hash": _as_told(known)})
    may_be_hidden = area.is_doubtful or before.is_doubtful
    missing = {name: known for name, known in before.items.items() if name not in items}
    for name, known in missing.items():
        is_news = covers_all and not known.is_missing and not known.is_linked
        if is_news:
            change = {"op": "not_returned", "item_id": name, "before_hash": _as_told(known)}
            changes.append({**change, "may_be_hidden": may_be_hidden})
            missing[name] = known._replace(is_missing=True)
    is_changed = bool(changes) or area.said != before.said
    outcome: AreaCompared = {
        "area": area.name,
        "outcome": "changed" if is_changed else "unchanged",
        "base_snapshot_id": before.snapshot_id,
    }
    keep = area.keep(
        items | dict(_bounded(missing)),
        before,
        snapshot_id=area.snapshot_id if is_changed else before.snapshot_id,
        # Otherwise only where the area was not answered and nothing came: what is known is as it was.
        has_detail=before.has_detail,
    )
    if not is_changed:
        return outcome, None, keep
    delta = {
        "base_snapshot_id": before.snapshot_id,
        "covers": "all_items" if covers_all else "returned_items",
        "changes": sorted(changes, key=_by_id),
    }
    return outcome, delta, keep


def _op(before: KnownItem | None, now: KnownItem) -> ChangeOp | None:
    if before is None:
        return "added"
    if before.is_missing:
        return "returned_again"
    if now.hash == before.hash:
        return None
    return "ended" if now.is_over and not before.is_over else "changed"


def _bounded(items: Mapping[str, KnownItem]) -> Iterator[tuple[str, KnownItem]]:
    """Of items that did not come: all but those that nobody expects and that came the longest ago."""
    unexpected = 0
    for name, item in items.items():
        is_unexpected = item.is_missing or item.is_linked
        unexpected += is_unexpected
        if not is_unexpected or unexpected <= REMEMBERED_MISSING:
            yield name, item


def _limits(block: Mapping[str, Any]) -> str:
    limits = {name: block[name] for name in _OF_THE_REQUEST if name in block}
    asked = {name: value for name, value in limits.get("limited_to", {}).items() if name not in _DETAILS}
    if asked:
        limits["limited_to"] = asked
    else:
        limits.pop("limited_to", None)
    return orjson.dumps(limits, option=orjson.OPT_SORT_KEYS).decode() if limits else ""


def _without_counts(block: Mapping[str, Any]) -> dict[str, Any]:
    left_out = _COUNTS.union(_OF_THE_REQUEST)
    return {name: value for name, value in block.items() if name not in left_out}


def _as_told(item: KnownItem) -> str:
    return f"sha256:{item.hash}"


def _by_id(change: Mapping[str, Any]) -> str:
    return str(change["item_id"])
