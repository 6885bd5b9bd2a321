"""Observations to Observation of R4: measurements, findings, and status entries of immunisations."""

from collections.abc import Sequence
from typing import Final

from bridge.renderings.fhir_r4.common import Resource
from bridge.renderings.fhir_r4.items import Told
from bridge.renderings.fhir_r4.observation import LOSSES as OBSERVATION_LOSSES
from bridge.renderings.fhir_r4.observation import observation
from bridge.renderings.fhir_r4.scope import R4Scope
from bridge.renderings.rendering import Lost

LOSSES: Final[Sequence[Lost]] = OBSERVATION_LOSSES


def resources(items: Sequence[Told], scope: R4Scope) -> list[Resource]:
    """An Observation for each item, in their order."""
    return [observation(scope, item) for item in items]
