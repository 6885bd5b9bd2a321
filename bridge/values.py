"""Dataclasses that are quick to make: a worker makes some four hundred of them when it starts.

`dataclasses` writes six methods of a frozen class as text and compiles each, which was a fifth of a start.
Here it writes ``__init__`` alone, when the first object is made, for of most classes a worker never makes
one; and what compares, hashes and shows an object is the same function for all.
That nothing is set anew in a frozen one the type checker sees to, for which this is `dataclasses.dataclass`
itself; at run time nobody looks, so an object is made in less time as well.
"""

import dataclasses
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool = False, eq: bool = True, **options: bool) -> Callable[[type], type]:
        """As `dataclasses.dataclass`, which takes the same options and more."""

        def make(written: type) -> type:
            own = vars(written)
            written.__doc__ = written.__doc__ or written.__name__  # not its signature: that takes long
            made = dataclasses.dataclass(init=False, repr=False, eq=False, **options)(written)
            if "__init__" not in own:
                made.__init__ = _Init(made)
            if "__repr__" not in own:
                made.__repr__ = _shown
            if eq:
                _compare(made, own_equality="__eq__" in own, own_hash=own.get("__hash__"), hashed=frozen)
            return made

        return make


class _Init:
    """Stands for the ``__init__`` of a class until somebody asks for it, which is then in its place."""

    def __init__(self, made: Any) -> None:
        self._made = made

    def __get__(self, it: object, owner: type | None = None) -> Any:
        written = self._made.__init__ = _init(self._made)
        return written.__get__(it, owner)


def _init(made: Any) -> Any:
    """As `dataclasses` writes it for a class of the same fields that nothing is known of besides."""
    fields = [
        (
            each.name,
            each.type,
            dataclasses.field(
                default=each.default,
                default_factory=each.default_factory,
                init=each.init,
                kw_only=each.kw_only,
            ),
        )
        for each in dataclasses.fields(made)
    ]
    last = {"__post_init__": made.__post_init__} if hasattr(made, "__post_init__") else {}
    twin = dataclasses.make_dataclass(
        made.__name__, fields, namespace=last, repr=False, eq=False, slots="__slots__" in vars(made)
    )
    written: Any = vars(twin)["__init__"]
    written.__qualname__ = f"{made.__qualname__}.__init__"
    return written


def _compare(made: Any, *, own_equality: bool, own_hash: object, hashed: bool) -> None:
    """Compare objects of a class by their fields, where the class does not say how."""
    key = _key([field.name for field in dataclasses.fields(made) if field.compare])

    def equals(self: object, other: object) -> bool:
        return key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented

    def hash_of(self: object) -> int:
        return hash(key(self))

    if not own_equality:
        made.__eq__ = equals
    if own_hash is None:
        made.__hash__ = hash_of if hashed else None


def _key(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """The values of an object that it is compared by."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda it: tuple(getattr(it, name) for name in names)  # which `attrgetter` gives of two or more


def _shown(self: Any) -> str:
    parts = (f"{each.name}={getattr(self, each.name)!r}" for each in dataclasses.fields(self) if each.repr)
    return f"{type(self).__qualname__}({', '.join(parts)})"
