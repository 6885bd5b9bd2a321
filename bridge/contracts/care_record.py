"""Requests for the care record as the practice renders it: which sections, and of which days."""

from collections.abc import Iterator
from datetime import date
from typing import Self

from pydantic import model_validator

from bridge.contracts.requests import GpConnectRequest, Model, OdsCode
from bridge.record.sections import SECTIONS, SectionCode


class DayRange(Model):
    """Whole days, both included; a bound that is left out is open. Days to come are allowed."""

    start: date | None = None
    end: date | None = None

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.start is None and self.end is None:
            raise ValueError("must have a start or an end")
        if self.start and self.end and self.start > self.end:
            raise ValueError("must not start after its end")
        return self


class WholeSection(Model):
    """A section that comes whole: the practice refuses a period with it, so none can be sent (HT-009)."""


class DatedSection(Model):
    """A section that may be narrowed to some days."""

    period: DayRange | None = None
    """Absent: everything. Parts of a section that the practice never narrows say so in a banner."""


class Sections(Model):
    """The sections wanted; at least one. Each is asked for on its own, in the mandated order (HT-011)."""

    SUM: WholeSection | None = None
    ENC: DatedSection | None = None
    CLI: DatedSection | None = None
    PRB: DatedSection | None = None
    ALL: WholeSection | None = None
    MED: DatedSection | None = None
    REF: DatedSection | None = None
    OBS: DatedSection | None = None
    IMM: WholeSection | None = None
    ADM: DatedSection | None = None

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if not any(True for _ in self.wanted()):
            raise ValueError("must name at least one section")
        return self

    def wanted(self) -> Iterator[tuple[SectionCode, DayRange | None]]:
        """Each section that is wanted, in the mandated order, with its period."""
        for code in SECTIONS:
            section: WholeSection | DatedSection | None = getattr(self, code)
            if section is not None:
                yield code, section.period if isinstance(section, DatedSection) else None


class CareRecordRequest(GpConnectRequest):
    """``care_record.requested.v1``: sections of one patient's care record, to be read by a person."""

    sections: Sections
    practice_ods_code: OdsCode | None = None
    """Checked against the registered practice that PDS names; it never replaces it (HT-004)."""
