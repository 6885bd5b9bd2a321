"""Dataclasses that are quick to make are what those of the standard library are, but for being frozen at run time."""

import copy
import dataclasses
import inspect
import pickle
from dataclasses import field
from importlib import import_module
from pkgutil import walk_packages
from typing import Any, Generic, TypeVar

import pytest

import bridge
from bridge import values

_T = TypeVar("_T")


def classes(dataclass: Any) -> dict[str, Any]:
    """The same classes, made in one way or the other."""

    @dataclass(frozen=True, slots=True)
    class Nothing:
        """Has no field."""

    @dataclass(frozen=True, slots=True)
    class One:
        name: str

    @dataclass(frozen=True, slots=True)
    class Several(Generic[_T]):
        name: str
        secret: str = field(repr=False)
        found: list[_T] = field(default_factory=list, compare=False)

    @dataclass(frozen=True, slots=True)
    class More(One):
        number: int = 1

    @dataclass(frozen=True, slots=True, kw_only=True)
    class ByName:
        first: int
        second: int = 2

    @dataclass(slots=True)
    class Changing:
        count: int = 0

    @dataclass(frozen=True, slots=True, eq=False)
    class ItsOwn:
        name: str

    @dataclass(frozen=True, slots=True)
    class Written:
        name: str

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Written) and self.name.lower() == other.name.lower()

        def __hash__(self) -> int:
            return hash(self.name.lower())

        def __repr__(self) -> str:
            return "written"

    @dataclass(frozen=True, slots=True)
    class Checked:
        name: str

        def __post_init__(self) -> None:
            if not self.name:
                raise ValueError("a name is needed")

    @dataclass(slots=True)
    class Reckoned:
        name: str = "a"
        length: int = field(init=False)

        def __post_init__(self) -> None:
            self.length = len(self.name)

    @dataclass(frozen=True, slots=True)
    class OfAnother(More):
        third: list[int] = field(default_factory=list, kw_only=True, compare=False)
        fourth: int = 4

    class Undecorated(One):
        pass

    @dataclass(slots=True)
    class NotAsked:
        name: str
        number: int = field(init=False, default=1)
        found: list[int] = field(init=False, default_factory=list)

    @dataclass(slots=True)
    class OddlyNamed:
        found: list[int] = field(default_factory=list)
        number: int = 1
        missing: int = 2
        make_found: int = 3
        default_number: int = 4

    @dataclass(slots=True)
    class WithItsOwn:
        name: str

        def __init__(self) -> None:
            self.name = "its own"

    return {name: made for name, made in locals().items() if name != "dataclass"}


QUICK, USUAL = classes(values.dataclass), classes(dataclasses.dataclass)

ARGUMENTS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("Nothing", (), {}),
    ("One", ("a",), {}),
    ("One", (float("nan"),), {}),
    ("Several", ("a", "b"), {}),
    ("Several", ("a", "b", [1]), {}),
    ("Several", ("a", "c"), {}),
    ("More", ("a",), {}),
    ("More", ("a", 2), {}),
    ("ByName", (), {"first": 1}),
    ("ByName", (), {"first": 1, "second": 3}),
    ("Changing", (), {}),
    ("ItsOwn", ("a",), {}),
    ("Written", ("a",), {}),
    ("Written", ("A",), {}),
    ("Reckoned", (), {}),
    ("Reckoned", ("abc",), {}),
    ("OfAnother", ("a",), {}),
    ("OfAnother", ("a", 2, 3), {"third": [1]}),
    ("Undecorated", ("a",), {}),
    ("WithItsOwn", (), {}),
    ("NotAsked", ("a",), {}),
    ("OddlyNamed", (), {}),
    ("OddlyNamed", ([1], 2), {"make_found": 5}),
]


def made(of: dict[str, Any]) -> list[Any]:
    return [of[name](*given, **named) for name, given, named in ARGUMENTS]


def test_they_are_shown_alike():
    def shown(of: dict[str, Any]) -> list[str]:
        return [repr(each) for each in made(of) if type(each).__name__ != "ItsOwn"]

    assert shown(QUICK) == shown(USUAL)
    assert "secret" not in str(shown(QUICK))


def test_they_are_equal_alike():
    def equal(of: dict[str, Any]) -> list[list[bool]]:
        again = made(of)
        return [[one == other for other in again] for one in made(of)]

    assert equal(QUICK) == equal(USUAL)


def test_they_are_hashed_alike():
    def hashes(of: dict[str, Any]) -> list[int | None]:
        by_identity = of["ItsOwn"]
        return [
            hash(each) if type(each).__hash__ is not None else None
            for each in made(of)
            if type(each) is not by_identity
        ]

    assert hashes(QUICK) == hashes(USUAL)
    assert QUICK["Changing"].__hash__ is None


def test_one_that_compares_by_identity_is_equal_to_itself_alone():
    one = QUICK["ItsOwn"]("a")
    assert one == one  # noqa: PLR0124 - what is looked at
    assert one != QUICK["ItsOwn"]("a")
    assert len({one, QUICK["ItsOwn"]("a")}) == 2


@pytest.mark.parametrize("name", QUICK)
def test_fields_places_and_matching_are_the_same(name: str):
    def facts(of: Any) -> tuple[Any, ...]:
        return [each.name for each in dataclasses.fields(of)], of.__slots__, of.__match_args__

    assert facts(QUICK[name]) == facts(USUAL[name])
    assert not hasattr(QUICK[name], "__dict__") or "__dict__" not in QUICK[name].__slots__


def test_they_are_described_as_they_are_written_or_by_their_names():
    assert QUICK["Nothing"].__doc__ == "Has no field."
    assert QUICK["One"].__doc__ == "One"


@pytest.mark.parametrize(
    ("name", "given", "named"),
    [
        ("One", (), {}),
        ("One", ("a", "b"), {}),
        ("One", (), {"nme": "a"}),
        ("ByName", (1,), {}),
        ("Reckoned", ("a", 1), {}),
        ("NotAsked", ("a",), {"number": 2}),
    ],
)
def test_none_is_made_of_other_arguments(name: str, given: tuple[Any, ...], named: dict[str, Any]):
    told = []
    for classes_ in (QUICK, USUAL):
        with pytest.raises(TypeError) as refused:
            classes_[name](*given, **named)
        told.append(str(refused.value).replace("classes.<locals>.", ""))
    assert told[0] == told[1]


def asked_for(of: Any) -> list[tuple[str, Any, bool]]:
    """What a class says that its objects are made of."""
    return [
        (each.name, each.kind, each.default is inspect.Parameter.empty)
        for each in inspect.signature(of).parameters.values()
    ]


def test_a_class_tells_what_its_objects_are_made_of_before_there_are_any():
    quick, usual = classes(values.dataclass), classes(dataclasses.dataclass)
    assert {name: asked_for(of) for name, of in quick.items()} == {
        name: asked_for(of) for name, of in usual.items()
    }


async def test_each_class_of_ours_can_be_made():
    names = [each.name for each in walk_packages(bridge.__path__, "bridge.")]
    runs = ("bridge.__main__", "bridge.ledger.migrations.")  # when it is loaded
    modules = [import_module(name) for name in names if not name.startswith(runs)]
    found = {of for module in modules for of in vars(module).values() if isinstance(of, type)}
    made = [of for of in found if "__dataclass_fields__" in vars(of) and of.__module__.startswith("bridge.")]
    assert len(made) > 200
    for of in made:
        asked_for(of)  # writes its ``__init__``


def test_each_object_has_what_is_made_for_it_anew():
    assert QUICK["Several"]("a", "b").found is not QUICK["Several"]("a", "b").found


def test_they_are_copied_changed_and_taken_apart():
    one = QUICK["More"]("a", 2)
    assert dataclasses.replace(one, number=3) == QUICK["More"]("a", 3)
    assert dataclasses.asdict(one) == {"name": "a", "number": 2}
    assert copy.deepcopy(one) == one
    with pytest.raises(ValueError, match="a name is needed"):
        QUICK["Checked"]("")


@values.dataclass(frozen=True, slots=True)
class Kept:
    """Stands where pickle finds it."""

    name: str


def test_they_are_pickled():
    assert pickle.loads(pickle.dumps(Kept("a"))) == Kept("a")
