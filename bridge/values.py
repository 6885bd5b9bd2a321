"""Dataclasses that are quick to make: a worker makes some four hundred of them when it starts.

`dataclasses` writes six methods of a frozen class as text and compiles each, which was a fifth of a start.
Here ``__init__`` alone is written, when the first object is made, for of most classes a worker never makes
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
    """What `dataclasses` would write; an `InitVar` it would take as well, and no class here has any."""
    names: dict[str, Any] = {"__name__": made.__module__, "__missing__": dataclasses.MISSING}
    by_place, by_name, lines = ["self"], ["*"], []
    for each in dataclasses.fields(made):
        parameter = value = each.name
        if each.default is not dataclasses.MISSING:
            default = f"__default_{each.name}__"  # as no field is named
            names[default] = each.default
            parameter += f"={default}"
            value = each.name if each.init else default
        elif each.default_factory is not dataclasses.MISSING:
            make = f"__make_{each.name}__"
            names[make] = each.default_factory
            parameter += "=__missing__"
            value = f"{make}() if {each.name} is __missing__ else {each.name}" if each.init else f"{make}()"
        elif not each.init:
            continue  # is set by `__post_init__`
        if each.init:
            (by_name if each.kw_only else by_place).append(parameter)
        lines.append(f"self.{each.name} = {value}")
    if hasattr(made, "__post_init__"):
        lines.append("self.__post_init__()")
    parameters = by_place + (by_name if len(by_name) > 1 else [])
    exec(f"def __init__({', '.join(parameters)}):\n " + "\n ".join(lines or ["pass"]), names)  # noqa: S102 - as there
    written = names["__init__"]
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
