"""What one area is to a practice."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bridge.sandbox.structured.checks import CheckPart
from bridge.sandbox.structured.entries import HeldEntry

Json = dict[str, Any]
PartValues = Mapping[str, Any]
"""Values of the parts that were sent, by name."""
Version = tuple[int, int]
FIRST: Version = (1, 2)
SECONDARY_LISTS: Version = (1, 5)
"""The version that secondary lists came with."""
LATEST: Version = (1, 6)


class ListKind(NamedTuple):
    """SNOMED code of a list, its preferred term and its title."""

    code: str
    display: str
    title: str


@dataclass(frozen=True, slots=True)
class LegalPart:
    """A part of a parameter: how its value is checked, and the version that it came with."""

    check: CheckPart
    since: Version = FIRST


def all_of_them(entries: Sequence[HeldEntry], _: PartValues) -> list[HeldEntry]:
    """Every entry: what no part of the parameter narrows."""
    return list(entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class PracticeArea:
    """One area.

    Attributes:
        parameter: that asks for it.
        words: what it is called in the place of an item that cannot be sent (structured.md §2.7).
        since: the version that it came with.
        parts: of the parameter, by name.
        required: parts that must be sent.
        main_list: the list that comes of it; None where none may be asked for.
        select: what of all its entries the parts leave.
        in_consultations, in_problems: names of the secondary lists that tell what of it was linked (§2.4).
        brings_linked: asked for, it brings what its entries name, of any area.
    """

    parameter: str
    words: str
    main_list: ListKind | None
    since: Version = FIRST
    parts: Mapping[str, LegalPart] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    select: Callable[[Sequence[HeldEntry], PartValues], list[HeldEntry]] = all_of_them
    in_consultations: str | None = None
    in_problems: str | None = None
    brings_linked: bool = False


def within(part: str) -> Callable[[Sequence[HeldEntry], PartValues], list[HeldEntry]]:
    """Selects by the period that a part holds."""
    return lambda entries, parts: [each for each in entries if each.is_in(parts.get(part))]
