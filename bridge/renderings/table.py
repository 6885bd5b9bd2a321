"""Every further form in which answers are published; to add one, add its line and what loads it."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from bridge.renderings.rendering import RenderingSpec


def _r4() -> RenderingSpec:
    from bridge.renderings.fhir_r4.spec import R4

    return R4


def _hl7v2() -> RenderingSpec:
    from bridge.renderings.hl7v2 import HL7V2

    return HL7V2


def _changes() -> RenderingSpec:
    from bridge.renderings.changes.spec import CHANGES

    return CHANGES


class _Table(Mapping[str, RenderingSpec]):
    """Loads a form when somebody looks at it: most workers publish none of them."""

    _LINES: Final[Mapping[str, Callable[[], RenderingSpec]]] = MappingProxyType(
        {"r4": _r4, "hl7v2": _hl7v2, "changes": _changes}
    )

    def __getitem__(self, name: str) -> RenderingSpec:
        return self._LINES[name]()

    def __contains__(self, name: object) -> bool:
        return name in self._LINES

    def __iter__(self) -> Iterator[str]:
        return iter(self._LINES)

    def __len__(self) -> int:
        return len(self._LINES)


RENDERINGS: Final[Mapping[str, RenderingSpec]] = _Table()
"""By name. An answer is given to them in this order."""


@cache
def topics_of_forms() -> frozenset[str]:
    """Every topic that one of them publishes on."""
    return frozenset(topic for spec in RENDERINGS.values() for topic in spec.topics)
