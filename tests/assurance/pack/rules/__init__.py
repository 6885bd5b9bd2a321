"""What the simulator can tell of a consumer's duties: for each, how it is seen on the wire, and whether it was kept."""

from typing import Final

from tests.assurance.pack.rules.appointments import APPOINTMENTS
from tests.assurance.pack.rules.documents import DOCUMENTS
from tests.assurance.pack.rules.foundations import FOUNDATIONS
from tests.assurance.pack.rules.records import RECORDS
from tests.assurance.pack.rules.rule import Rule
from tests.assurance.pack.rules.spine import SPINE

__all__ = ["RULES", "Rule"]

RULES: Final = (*SPINE, *RECORDS, *FOUNDATIONS, *APPOINTMENTS, *DOCUMENTS)
