"""What may be asked of consultations."""

from typing import Self

from pydantic import PositiveInt, model_validator

from bridge.areas.period import PeriodOptions


class ConsultationOptions(PeriodOptions):
    """What is wanted of consultations: those of a period, or the newest ones; all unless it is said."""

    most_recent: PositiveInt | None = None
    """Only this many, the newest ones. Not together with ``from`` or ``to`` (digest §1.2)."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.most_recent is not None and (self.from_ is not None or self.to is not None):
            raise ValueError("most_recent must not be given together with from or to")
        return self
