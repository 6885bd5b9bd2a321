"""Logical ids: opaque, and worth nothing at any practice but the one that gave them out."""

from dataclasses import field
from typing import Final, Literal, Self

from bridge.record.logical_id import is_logical_id
from bridge.values import dataclass

ResourceKind = Literal[
    "Patient", "Practitioner", "Organization", "Location", "Slot", "Schedule", "Appointment"
]


@dataclass(frozen=True, slots=True)
class ResourceId:
    """One resource of one practice.

    Attributes:
        practice_ods: the practice on whose server it means something.
        kind: its resource type.
        id: its logical id, with its case (SP-035).

    Raises:
        ValueError: the id cannot stand in a path.
    """

    practice_ods: str
    kind: ResourceKind
    id: str = field(repr=False)

    def __post_init__(self) -> None:
        if not is_logical_id(self.id):
            raise ValueError(f"no logical id of a {self.kind}")

    @property
    def reference(self) -> str:
        """``Type/id``, as it stands in resources of the same practice."""
        return f"{self.kind}/{self.id}"

    @classmethod
    def of_reference(cls, practice_ods: str, target: str | None) -> Self | None:
        """What a reference in an answer of this practice points at; None when it is no ``Type/id``."""
        kind, _, logical_id = (target or "").partition("/")
        known = _KINDS.get(kind)
        return cls(practice_ods, known, logical_id) if known and is_logical_id(logical_id) else None


_KINDS: Final[dict[str, ResourceKind]] = {
    "Patient": "Patient",
    "Practitioner": "Practitioner",
    "Organization": "Organization",
    "Location": "Location",
    "Slot": "Slot",
    "Schedule": "Schedule",
    "Appointment": "Appointment",
}
