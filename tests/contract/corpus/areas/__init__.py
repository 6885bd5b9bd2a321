"""What our record says of the facts that an independent program found: a module for each area.

A module has `FACTS`: by the name of a group of facts (`areas` of a file in `expected/`), what a record says of
them, by `Type/id`. Values may be as the record has them: see `differences.py`. A key that is not given counts
as a difference, unless it is in `NOT_HELD` of the module, with the reason why a record does not have it; or, of
one file, in its `EXPLAINED`.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

FactsOf = Callable[[Any], Mapping[str, Mapping[str, Any]]]

_MODULES = [import_module(f"{__name__}.{each.name}") for each in iter_modules(__path__)]

COMPARERS: dict[str, FactsOf] = {name: of for module in _MODULES for name, of in module.FACTS.items()}
NOT_HELD: dict[tuple[str, str], str] = {
    key: why for module in _MODULES for key, why in getattr(module, "NOT_HELD", {}).items()
}
"""Facts that a record does not carry, by group and key, and why."""
EXPLAINED: dict[tuple[str, str, str], str] = {
    key: why for module in _MODULES for key, why in getattr(module, "EXPLAINED", {}).items()
}
"""Where the facts are not what the record should say: file, `Type/id` (or `*`) and fact, and why."""
