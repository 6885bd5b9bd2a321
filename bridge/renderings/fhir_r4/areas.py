"""The areas of a record in R4, by their names: one line each. What has none is told of in the Bundle."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from bridge.renderings.fhir_r4 import (
    allergies,
    consultations,
    diary_entries,
    documents,
    immunisations,
    investigations,
    medications,
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
        in_doubt: of the data of its event, the items that must not become resources: their words are told.
    """

    resources: Callable[[Sequence[Told], R4Scope], list[Resource]]
    losses: Sequence[Lost]
    in_doubt: Callable[[Mapping[str, Any]], Sequence[Told]] | None = None


AREAS_IN_R4: Final[Mapping[str, AreaInR4]] = MappingProxyType(
    {
        "medications": AreaInR4(medications.resources, medications.LOSSES),
        "allergies": AreaInR4(allergies.resources, allergies.LOSSES, allergies.in_doubt),
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
