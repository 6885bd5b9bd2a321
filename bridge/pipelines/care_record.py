"""A care record as a handler gets it: the sections that can be shown, and why others cannot."""

from collections.abc import Sequence

from bridge.contracts.care_record_events import NotShown
from bridge.errors import Unavailable
from bridge.record.care_record import CareRecordSection
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class CareRecord:
    """What there is to publish. Both in the mandated order; at least one section came.

    Attributes:
        sections: those that can be shown.
        not_shown: those that cannot, and why.
    """

    sections: Sequence[CareRecordSection]
    not_shown: Sequence[NotShown]

    @property
    def missing(self) -> Unavailable | None:
        """Why another try may bring more; None when it would bring the same."""
        errors = [one.error for one in self.not_shown if isinstance(one.error, Unavailable)]
        return max(errors, key=lambda error: error.retry_after or 0.0, default=None)
