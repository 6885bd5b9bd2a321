"""The areas of a record that have a module here of their own, by their names, in the order of a record."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from bridge.renderings.fhir_r4 import (
    consultations,
    diary_entries,
    documents,
    immunisations,
    investigations,
    observations,
    problems,
    referrals,
)
from bridge.renderings.fhir_r4.common import Resource
from bridge.renderings.fhir_r4.items import Told
from bridge.renderings.fhir_r4.scope import R4Scope
from bridge.renderings.rendering import Lost


class AreaInR4(NamedTuple):
    """How the items of one area become resources.

    Attributes:
        resources: makes them, in the order of the items; references are filled in by `R4Scope.settle`.
        losses: what of an item they do not say, beside what all areas leave out.
    """

    resources: Callable[[Sequence[Told], R4Scope], list[Resource]]
    losses: Sequence[Lost]


AREAS_IN_R4: Final[Mapping[str, AreaInR4]] = MappingProxyType(
    {
        "problems": AreaInR4(problems.resources, problems.LOSSES),
        "consultations": AreaInR4(consultations.resources, consultations.LOSSES),
        "immunisations": AreaInR4(immunisations.resources, immunisations.LOSSES),
        "observations": AreaInR4(observations.resources, observations.LOSSES),
        "referrals": AreaInR4(referrals.resources, referrals.LOSSES),
        "diary_entries": AreaInR4(diary_entries.resources, diary_entries.LOSSES),
        "documents": AreaInR4(documents.resources, documents.LOSSES),
        "investigations": AreaInR4(investigations.resources, investigations.LOSSES),
    }
)
