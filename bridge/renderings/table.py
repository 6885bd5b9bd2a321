"""Every further form in which answers are published; to add one, add its line."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bridge.renderings.changes.spec import CHANGES
from bridge.renderings.fhir_r4.spec import R4
from bridge.renderings.hl7v2 import HL7V2
from bridge.renderings.rendering import RenderingSpec

_RENDERINGS: Final[tuple[RenderingSpec, ...]] = (R4, HL7V2, CHANGES)

RENDERINGS: Final[Mapping[str, RenderingSpec]] = MappingProxyType({spec.name: spec for spec in _RENDERINGS})
"""By name. An answer is given to them in this order."""
