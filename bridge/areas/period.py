"""A period of whole days, as several areas may be searched for one."""

from typing import Self

from pydantic import Field, model_validator

from bridge.contracts.requests import Model, PastDate
from bridge.fhir.parameters import DayPeriod, Value


class PeriodOptions(Model):
    """Whole days, both included; a bound that is left out is open (CS-021)."""

    from_: PastDate | None = Field(default=None, alias="from")
    """Only what is of this day or later."""
    to: PastDate | None = None
    """Only what is of this day or earlier."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.from_ is not None and self.to is not None and self.from_ > self.to:
            raise ValueError("from must not be later than to")
        return self

    def period(self, part: str) -> dict[str, Value]:
        """The part of a parameter that asks for this period; none when it is open on both sides."""
        if self.from_ is None and self.to is None:
            return {}
        return {part: DayPeriod(self.from_, self.to)}
