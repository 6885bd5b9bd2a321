"""The parts of the whole pack, in the order of its first page. bridge/assurance/README.md says how one is made."""

from typing import Final

from bridge.assurance import PackPart
from bridge.assurance.product import PARTS as OF_PRODUCT
from tests.assurance.pack import (
    components,
    conformance,
    hazard_log,
    operations,
    performance,
    requirements,
    safety_case,
    scenarios,
    security,
)
from tests.assurance.pack.facts import TreeFacts

PARTS: Final[tuple[PackPart[TreeFacts], ...]] = (
    safety_case.PART,
    hazard_log.PART,
    requirements.PART,
    conformance.PART,
    scenarios.PART,
    *OF_PRODUCT,
    security.PART,
    components.PART,
    performance.PART,
    operations.PART,
)
