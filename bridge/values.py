"""Dataclasses that are quick to make: a worker makes some four hundred of them when it starts.

`dataclasses` writes six methods of a frozen class as text and compiles each, which was a fifth of a start.
Here it writes ``__init__`` alone, and what compares, hashes and shows an object is the same function for all.
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
            made = dataclasses.dataclass(repr=False, eq=False, **options)(written)
            if "__repr__" not in own:
                made.__repr__ = _shown
            if eq:
                _compare(made, own_equality="__eq__" in own, own_hash=own.get("__hash__"), hashed=frozen)
            return made

        return make


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
