"""What a problem header says of itself in a word: its status and its significance."""

from typing import Final, Generic, Literal, TypeVar

from bridge.fhir import systems
from bridge.fhir.read import Item, code_in, extension_value
from bridge.values import dataclass

ClinicalStatus = Literal["active", "inactive", "unknown"]
Significance = Literal["major", "minor", "unknown"]
ValueT = TypeVar("ValueT")

_STATUSES: Final[dict[str, ClinicalStatus]] = {"active": "active", "inactive": "inactive"}
_SIGNIFICANCES: Final[dict[str, Significance]] = {"major": "major", "minor": "minor"}


@dataclass(frozen=True, slots=True)
class StatedValue(Generic[ValueT]):
    """A value, and what was sent where that is none of those that are known."""

    value: ValueT
    as_sent: str | None = None


def clinical_status(item: Item) -> StatedValue[ClinicalStatus]:
    """Active or inactive; any other status is unknown, never one of the two."""
    sent = item.code(item.resource.get("clinicalStatus"), "clinicalStatus")
    known = _STATUSES.get(sent or "")
    return StatedValue(known) if known is not None else StatedValue("unknown", sent)


def significance(item: Item) -> StatedValue[Significance]:
    """Major or minor, by a code, a concept, or a list of either; unknown where two extensions disagree."""
    codes = {
        code
        for extension in item.extensions(item.resource).get("problemsignificance", ())
        for each in _each(extension_value(extension))
        if (code := code_in(each, systems.PROBLEM_SIGNIFICANCE)) is not None
    }
    known = {_SIGNIFICANCES.get(code) for code in codes}
    if len(known) == 1 and (only := known.pop()) is not None:
        return StatedValue(only)
    return StatedValue("unknown", ", ".join(sorted(codes)) or None)


def _each(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]
