"""The people of the sandbox, as PDS knows them."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Person:
    """Demographics that PDS and the practice share, unless a scenario wants them to differ."""

    family: str
    given: tuple[str, ...]
    prefix: str | None
    gender: str
    birth_date: str
    line: str = "1 Trevelyan Square"
    city: str = "Leeds"
    district: str = "West Yorkshire"
    postcode: str = "LS1 6AE"
    phone: str = "01632960587"


class Trace(StrEnum):
    """What PDS knows about a number."""

    CURRENT = "current"
    SUPERSEDED = "superseded"
    RESTRICTED = "restricted"
    DECEASED = "deceased"
    ENDED = "ended_registration"
    NO_PRACTICE = "no_practice"
    INVALIDATED = "invalidated"
    NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True)
class Registration:
    """One number on PDS. `now` is the number that took its place, of a superseded one."""

    nhs_number: str
    person: Person
    practice_ods: str
    trace: Trace = Trace.CURRENT
    now: str | None = None
