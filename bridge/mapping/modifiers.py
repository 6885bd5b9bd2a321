"""Elements that may change what a resource means, wherever in it they stand: they are told, not obeyed.

FHIR lets no reader use a resource whose `modifierExtension` or `implicitRules` it does not understand; a
clinician must see it all the same, so it stays, marked, and is not usable for decision support. What stands
on a list, on the patient or on the whole answer concerns every item that depends on it:
`bridge.areas.modified`.
"""

from collections.abc import Iterator
from typing import Any, Final

from bridge.fhir.read import Item
from bridge.mapping.reading import Reading

CHANGES_MEANING: Final = frozenset({"modifier_extension", "implicit_rules"})
"""The issue codes of such elements."""
_CODES: Final = {"modifierExtension": "modifier_extension", "implicitRules": "implicit_rules"}


def note_modifiers(reading: Reading, item: Item, resource: dict[str, Any] | None = None) -> set[str]:
    """Note every such element of `resource`, an item's own unless another is given; the codes noted."""
    if not reading.source.may_hold_modifiers:
        return set()
    found = list(modifiers_in(item.resource if resource is None else resource))
    item.notes += found
    return {code for code, _ in found}


def modifiers_in(resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Issue code and path of every such element."""
    open_parts: list[tuple[Any, str]] = [(resource, "")]
    while open_parts:
        part, path = open_parts.pop()
        if type(part) is list:
            open_parts += [(each, path) for each in part if type(each) in (dict, list)]
            continue
        for name, value in part.items():
            here = f"{path}.{name}" if path else name
            if name in _CODES:
                yield _CODES[name], here
            elif type(value) in (dict, list):
                open_parts.append((value, here))
