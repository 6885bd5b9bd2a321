"""One practice, for one request: what is asked of it by Foundations and Appointment Management."""

from bridge.gpconnect.foundations import Foundations
from bridge.gpconnect.ids import ResourceId, ResourceKind
from bridge.gpconnect.settling import Settling
from bridge.values import dataclass


@dataclass(frozen=True)
class PracticeClient(Foundations, Settling):
    """Everything of one practice, bound to who asks. Ids of another practice raise `ValueError`."""

    def id(self, kind: ResourceKind, logical_id: str) -> ResourceId:
        """An id that this practice gave out earlier, such as that of an appointment in a message.

        Raises:
            ValueError: it cannot be one.
        """
        return ResourceId(self._call.practice_ods, kind, logical_id)
