"""The parts that need nothing but the installed product."""

from typing import Final

from bridge.assurance import information_governance
from bridge.assurance.pack import PackFacts, PackPart

PARTS: Final[tuple[PackPart[PackFacts], ...]] = (information_governance.PART,)
