"""What was asked of the practice: one section, and the details to check the answer against."""

from dataclasses import field
from datetime import date
from typing import Literal

from bridge.record.sections import SectionCode
from bridge.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionAsked:
    """One section of one patient's record. Its text form shows no personal data.

    Attributes:
        code: the section.
        nhs_number: the number that was sent to the practice.
        superseded_nhs_number: the number in the request, where PDS named a newer one.
        start, end: the period that was sent, both days included; None where none was.
        birth_date, family_name, given_name, gender, practice_ods: to compare with the answer, when known.
        deceased_on: the day of death that PDS or the hospital holds; None when none is held (HT-016).
    """

    code: SectionCode
    nhs_number: str = field(repr=False)
    superseded_nhs_number: str | None = field(default=None, repr=False)
    start: date | None = None
    end: date | None = None
    birth_date: date | None = field(default=None, repr=False)
    family_name: str | None = field(default=None, repr=False)
    given_name: str | None = field(default=None, repr=False)
    gender: Literal["male", "female", "other", "unknown"] | None = field(default=None, repr=False)
    practice_ods: str | None = None
    deceased_on: date | None = field(default=None, repr=False)
