"""The people of the sandbox, as PDS knows them."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import count as counting

from bridge.record.nhs_number import is_valid_nhs_number


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
class PdsRegistration:
    """One number on PDS. `now` is the number that took its place, of a superseded one."""

    nhs_number: str
    person: Person
    practice_ods: str
    trace: Trace = Trace.CURRENT
    now: str | None = None


class RegistrationState(StrEnum):
    """How a practice's own index holds a patient."""

    ACTIVE = "active"
    LAPSED = "lapsed"
    """Left: registering again as temporary brings the record back to life."""
    UNTRACED = "untraced"
    """Active, and never checked against PDS."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a practice holds of a person."""

    registration: PdsRegistration
    person: Person
    standing: RegistrationState = RegistrationState.ACTIVE


_FAMILIES = ("Ashby", "Brook", "Carver", "Dunmore", "Eastwood", "Fairley", "Garland", "Holroyd", "Ibbotson")
_GIVEN = (
    ("Alice", "Mary"),
    ("Brian",),
    ("Chandra", "Devi"),
    ("David",),
    ("Eleanor",),
    ("Farid",),
    ("Grace",),
    ("Hugh", "Owen"),
)
_PREFIXES = (("Mrs", "female"), ("Mr", "male"), ("Ms", "female"), ("Mr", "male"))


def person_of(number: int) -> Person:
    """Somebody made from a number, so that everybody differs and stays the same."""
    prefix, gender = _PREFIXES[number % len(_PREFIXES)]
    return Person(
        family=_FAMILIES[number % len(_FAMILIES)],
        given=_GIVEN[number % len(_GIVEN)],
        prefix=prefix,
        gender=gender,
        birth_date=f"{1940 + number * 7 % 60}-{1 + number % 12:02d}-{1 + number * 3 % 28:02d}",
        line=f"{number} Trevelyan Square",
    )


def crowd(practices: tuple[str, ...]) -> Iterator[PdsRegistration]:
    """People without a scenario, as many as are wanted: numbers from 9991… on, practices in turn."""
    made = 0
    for number in counting(1):
        digits = f"9991{number:05d}"
        for check in "0123456789":
            if is_valid_nhs_number(digits + check):
                yield PdsRegistration(digits + check, person_of(number), practices[made % len(practices)])
                made += 1
