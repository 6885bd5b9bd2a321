"""What one clinical area is: all that the rest of the engine has to know of it, in one value.

Nothing outside an area's folder knows it by name: what goes through every area goes through an `AreaTable`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from types import MappingProxyType
from typing import Any, Generic, TypeVar, cast

from bridge.contracts.events import Event
from bridge.contracts.requests import Model
from bridge.fhir.index import ReceivedEntry
from bridge.fhir.parameters import Value
from bridge.mapping.lists import ListRules, Lists, NameByContent
from bridge.mapping.reading import IsOfArea, Reading
from bridge.record import Area, Identified
from bridge.values import dataclass

OptionsT = TypeVar("OptionsT", bound=Model)
ItemT = TypeVar("ItemT", bound=Mapping[str, Any])

UNKNOWN_PARAMETER = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOfArea:
    """A list that a practice sends for an area; a record says of each by itself how it was answered.

    Attributes:
        name: in `areas` of a record; of the first list the area's own name.
        code: SNOMED code of the list: titles and displays vary (OD-28).
        bare_ids: the type that an entry means which names an id alone.
        part: the part of the parameter that this list comes for, when it has one of its own.
    """

    name: str
    code: str
    bare_ids: str | None = None
    part: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaFacts:
    """What GP Connect says of an area, whether it is mapped here or not.

    Attributes:
        name: in requests, in records, and of the field of its items.
        parameter: of ``$gpc.getstructuredrecord``, as a practice names it in what it says.
        lists: its primary lists, the main one first.
        kinds: its own types of resources, each with what tells its resources from another area's.
    """

    name: str
    parameter: str
    lists: tuple[ListOfArea, ...] = ()
    kinds: Mapping[str, IsOfArea | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AreaAnswer(Generic[OptionsT]):
    """What an area is mapped from.

    Attributes:
        reading: the bundle being mapped.
        lists: the lists of all areas.
        options: what was asked of this area; None when it was not asked for.
        refused: parts of its parameter that the practice does not support, with its words.
    """

    reading: Reading
    lists: Lists
    options: OptionsT | None
    refused: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Conclusion:
    """Fields that an area adds to a record besides its items: those it always has, and those it may have."""

    always: Mapping[str, object] = field(default_factory=dict)
    at_times: Mapping[str, object] = field(default_factory=dict)


_NOTHING_BESIDES = Conclusion()


def _no_conclusion(_: Reading, __: Sequence[Any], ___: Mapping[str, Area]) -> Conclusion:
    return _NOTHING_BESIDES


def _only_itself(item: Any) -> Iterator[Any]:
    yield item


def _never(_: Any) -> bool:
    return False


def _no_remark(_: AreaAnswer[Any], __: Area) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaSpec(AreaFacts, Generic[OptionsT, ItemT]):
    """A clinical area that is asked for, mapped and published.

    Attributes:
        options: what may be asked; its defaults ask for everything there is. None: it cannot be asked for by
            itself, and comes with others only (documents).
        query: the parts of the parameter for these options; each is stated, so that no default decides.
        parts: the parts that a practice may say it does not support, those of `lists` left out.
        fields: the option that each part of the parameter comes from, to be named where it cannot be asked.
        practice_defaults: what a practice takes where one of these options is not said. Beside an area that
            brings linked content such an option goes unsaid unless the request has it: it may be forbidden.
        wanted: names of the lists that come for these options; all of them unless given.
        read: the items; a resource that becomes one is kept (`Reading.keep`), any other set aside.
        list_of: the name of the list that an item belongs to; the first unless given. It may be one of
            another area, in whose list such items stand.
        marks_unlisted: items that no list of the area names are marked for it, and those that one names as
            deleted. False where it does that itself.
        parts_of: an item, and everything inside it that came as a resource of its own.
        pieces_of: an item in pieces that repeat nothing inside, to be measured.
        named_elsewhere: what an item says that stands in another resource than its own.
        contains: the type of resource that may be contained in a list, and stand nowhere else.
        name_by_content: the list that one without a code must be, by what it contains.
        copies: details of what was set aside as a copy, and so is in the record all the same.
        uses: further types of resources that items are read from; they are context.
        refers_to: elements by which items refer to what they are read from, and the type of that.
        remark: adds what is to be said of how the main list was answered.
        conclude: what the record says of the area besides its items, once every item has its marks.
        always_read: its resources are mapped whatever was asked for.
        brings_linked: asked for, it brings whatever its items name, of any area (digest §2.2); secondary
            lists whose codes begin with its name tell what.
        brings: the names of the areas that come with it when it is asked for.
        kind: of its event, ``<subject>.<verb>.v1``.
        data: TypedDict of that event's data.
        changed: the same of ``<name>.changed.v1``, which tells what changed since it was told last.
        publish: the event, of a record that has the fields of this area; without options where the area was
            not asked for, and is published for what came along.
        is_over: whether the practice's record says that an item has ended. Of most items it never does.
    """

    read: Callable[[AreaAnswer[OptionsT]], list[ItemT]]
    kind: str
    data: Any
    changed: Any
    publish: Callable[[Any, OptionsT | None], Event]
    options: type[OptionsT] | None = None
    query: Callable[[OptionsT], Mapping[str, Value]] | None = None
    parts: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    practice_defaults: Mapping[str, object] = field(default_factory=dict)
    wanted: Callable[[OptionsT], Collection[str]] | None = None
    list_of: Callable[[ItemT], str] | None = None
    parts_of: Callable[[ItemT], Iterator[Identified]] = _only_itself
    pieces_of: Callable[[ItemT], Iterator[object]] = _only_itself
    named_elsewhere: Callable[[ItemT], object] | None = None
    contains: str | None = None
    name_by_content: NameByContent | None = None
    copies: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()
    refers_to: Mapping[str, str] = field(default_factory=dict)
    remark: Callable[[AreaAnswer[OptionsT], Area], None] = _no_remark
    conclude: Callable[[Reading, list[ItemT], Mapping[str, Area]], Conclusion] = _no_conclusion
    marks_unlisted: bool = True
    is_over: Callable[[ItemT], bool] = _never
    always_read: bool = False
    brings_linked: bool = False
    brings: frozenset[str] = frozenset()

    @property
    def changed_kind(self) -> str:
        """Of the event that tells what changed."""
        return f"{self.name}.changed.v1"

    @property
    def list_names(self) -> list[str]:
        """The name of the area, then those of its lists."""
        return [self.name, *(each.name for each in self.lists)]

    def list_name(self, item: ItemT) -> str:
        """The name of the list that an item belongs to."""
        return self.name if self.list_of is None else self.list_of(item)

    def wanted_lists(self, options: OptionsT | None) -> Collection[str]:
        """The names of the lists that come for these options; none when the area was not asked for."""
        if options is None:
            return ()
        return [each.name for each in self.lists] if self.wanted is None else self.wanted(options)


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a parameter, or a part of one, asks for: a list, else the named part of an area."""

    area: str
    part: str | None = None


@dataclass(frozen=True, slots=True)
class AreaTable:
    """The areas of an installation, and what else GP Connect knows.

    Attributes:
        areas: those that are asked for, mapped and published, in the order of a record.
        others: those that a practice may speak of all the same; one whose parameter is that of one of `areas`
            is left out.
    """

    areas: tuple[AreaSpec[Any, Any], ...]
    others: tuple[AreaFacts, ...] = ()
    by_name: tuple[AreaSpec[Any, Any], ...] = field(init=False)
    """In the order of their names, which is that of requests and of what a snapshot id is made from."""
    lists: ListRules = field(init=False)
    list_names: tuple[str, ...] = field(init=False)
    """Of `areas`, in the order of a record: each area's own name, then its other lists."""
    owners: Mapping[str, str] = field(init=False)
    """The area of each list of `areas`."""
    parameters: Mapping[str, Parameter] = field(init=False)
    """What a practice means that names a parameter, or a part of one as `parameter.part`."""
    kinds: Mapping[str, tuple[tuple[str, IsOfArea | None], ...]] = field(init=False)
    """The areas of a type of resource."""
    mapped_kinds: frozenset[str] = field(init=False)
    """The types of resources that items are made of."""
    refers_to: Mapping[str, str] = field(init=False)
    copies: frozenset[str] = field(init=False)
    _brought: Mapping[str, frozenset[str]] = field(init=False)
    """The areas that come along with an area, of those that bring any."""

    def __post_init__(self) -> None:
        """Work out once what is looked up for every resource."""
        parameters = {area.parameter for area in self.areas}
        known = (*self.areas, *(other for other in self.others if other.parameter not in parameters))
        values: dict[str, object] = {
            "by_name": tuple(sorted(self.areas, key=lambda area: area.name)),
            "lists": _list_rules(self.areas, known),
            "list_names": tuple(dict.fromkeys(name for area in self.areas for name in area.list_names)),
            "owners": MappingProxyType({each.name: area.name for area in self.areas for each in area.lists}),
            "parameters": MappingProxyType(dict(_parameters(self.areas, known))),
            "kinds": MappingProxyType(_kinds(known)),
            "mapped_kinds": frozenset(_kinds(self.areas)),
            "refers_to": MappingProxyType({k: v for area in self.areas for k, v in area.refers_to.items()}),
            "copies": frozenset().union(*(area.copies for area in self.areas)),
            "_brought": MappingProxyType(dict(_brought(self.areas))),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def received(self, reading: Reading) -> dict[str, int]:
        """How many resources of each area were received, by its name; none of an area without any."""
        received: dict[str, int] = {}
        for kind in reading.index.by_kind:
            for name, is_of_area in self.kinds.get(kind, ()):
                if found := len(reading.of_area(kind, is_of_area)):
                    received[name] = received.get(name, 0) + found
        return received

    def wanted(self, reading: Reading, lists: Lists) -> dict[str, Model | None]:
        """What was asked for, by the names of the areas, with its options.

        Where nobody said, it is what the answer holds the main list of, what is always read, and what has no
        list and was sent.
        """
        if reading.asked.areas is not None:
            return {
                area.name: cast("Model", reading.asked.areas[area.name])
                for area in self.areas
                if area.name in reading.asked.areas
            }
        return {
            area.name: area.options() if area.options is not None else None
            for area in self.areas
            if area.always_read
            or (area.lists and area.lists[0].name in lists.areas)
            or (not area.lists and any(kind in reading.index.by_kind for kind in area.kinds))
        }

    def brought(self, wanted: Collection[str]) -> set[str]:
        """The names of the areas whose items come along with these; some of these may be among them."""
        return set().union(*(self._brought[name] for name in wanted if name in self._brought))


@dataclass(frozen=True, slots=True)
class Mapped:
    """An area that was read, and the items that were made of an answer.

    Attributes:
        parts: the items, and what of them came as a resource of its own.
    """

    spec: AreaSpec[Any, Any]
    answer: AreaAnswer[Any]
    items: list[Any]
    parts: list[Identified] = field(init=False)

    def __post_init__(self) -> None:
        """Look once for what is gone through several times."""
        parts_of = self.spec.parts_of
        is_whole = parts_of is _only_itself
        parts = self.items if is_whole else [part for item in self.items for part in parts_of(item)]
        object.__setattr__(self, "parts", parts)

    @property
    def wanted(self) -> Collection[str]:
        """The names of its lists that were asked for."""
        return self.spec.wanted_lists(self.answer.options)

    def by_list(self) -> dict[str, list[Any]]:
        """The items of each of its lists, by name."""
        names = [each.name for each in self.spec.lists] or [self.spec.name]
        found: dict[str, list[Any]] = {name: [] for name in names}
        for item in self.items:
            found.setdefault(self.spec.list_name(item), []).append(item)
        return found

    def maps(self, reading: Reading, received: ReceivedEntry) -> bool:
        """Whether a resource should have become an item of the area, or part of one."""
        kinds = self.spec.kinds
        if received.kind not in kinds:
            return False
        is_of_area = kinds[received.kind]
        return is_of_area is None or is_of_area(reading, received)


def _list_rules(areas: Sequence[AreaSpec[Any, Any]], known: Sequence[AreaFacts]) -> ListRules:
    lists = [each for area in known for each in area.lists]
    return ListRules(
        area_of=MappingProxyType({each.code: each.name for each in lists}),
        bare_ids=MappingProxyType({each.name: each.bare_ids for each in lists if each.bare_ids is not None}),
        contained=frozenset(area.contains for area in areas if area.contains is not None),
        name_by_content=tuple(area.name_by_content for area in areas if area.name_by_content is not None),
        owners=tuple(area.name for area in areas if area.brings_linked),
    )


def _parameters(
    areas: Iterable[AreaSpec[Any, Any]], known: Iterable[AreaFacts]
) -> Iterator[tuple[str, Parameter]]:
    for area in known:
        yield area.parameter, Parameter(area.name)
        for each in area.lists:
            if each.part is not None:
                yield f"{area.parameter}.{each.part}", Parameter(each.name)
    for spec in areas:
        for part in spec.parts:
            yield f"{spec.parameter}.{part}", Parameter(spec.name, part)


def _brought(areas: Sequence[AreaSpec[Any, Any]]) -> Iterator[tuple[str, frozenset[str]]]:
    for area in areas:
        if brings := frozenset(each.name for each in areas) if area.brings_linked else area.brings:
            yield area.name, brings


def _kinds(areas: Iterable[AreaFacts]) -> dict[str, tuple[tuple[str, IsOfArea | None], ...]]:
    found: dict[str, tuple[tuple[str, IsOfArea | None], ...]] = {}
    for area in areas:
        for kind, is_of_area in area.kinds.items():
            found[kind] = (*found.get(kind, ()), (area.name, is_of_area))
    return found
