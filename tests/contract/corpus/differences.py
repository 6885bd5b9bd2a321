"""Where a record and the facts of the corpus differ."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

Difference = tuple[str, str]
"""`Type/id` and the fact, `value.unit` for one inside of another; or `item`: the record has none of that id."""


def differences(
    theirs: Mapping[str, Mapping[str, Any]], ours: Mapping[str, Mapping[str, Any]], not_held: Collection[str]
) -> Iterator[Difference]:
    """Every fact of theirs that ours does not say as well; what they know nothing of counts for nothing.

    Args:
        theirs: facts by `Type/id`.
        ours: what the record says of each. A date may be a `PartialDate`, a concept a `CodedText`, and what
            they count a list.
        not_held: facts that a record does not carry.
    """
    for ref, facts in theirs.items():
        if ref not in ours:
            yield ref, "item"
            continue
        for name, value in facts.items():
            if name not in not_held:
                yield from _differences(ref, name, value, ours[ref].get(name))


def _differences(ref: str, name: str, theirs: Any, ours: Any) -> Iterator[Difference]:
    if theirs in (None, [], "", {}):
        return
    if isinstance(theirs, dict) and "codings" in theirs:
        if not _is_same_concept(theirs, ours):
            yield ref, name
    elif isinstance(theirs, dict):
        for key, value in theirs.items():
            yield from _differences(ref, f"{name}.{key}", value, ours.get(key) if ours else None)
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        if all(isinstance(each, str) for each in theirs):
            if sorted(theirs) != sorted(ours):
                yield ref, name
            return
        for n, (one, other) in enumerate(zip(theirs, ours, strict=True)):
            yield from _differences(ref, f"{name}.{n}", one, other)
    elif _plain(theirs, ours) != theirs:
        yield ref, name


def _plain(theirs: Any, ours: Any) -> Any:
    if isinstance(ours, dict) and "precision" in ours:
        return ours["value"]
    if type(theirs) is str and type(ours) in (int, float):
        return str(ours)  # sent in quotes
    if type(theirs) is int and isinstance(ours, list):
        return len(ours)
    return ours


def _is_same_concept(theirs: Mapping[str, Any], ours: Any) -> bool:
    """They take the text or the first display for its name, where ours is the words that were chosen."""
    if ours is None:
        return not theirs["name"] and not theirs["codings"]
    names = [ours["term"], ours.get("original_text"), *(each.get("display") for each in ours["codings"])]
    codings = [[each.get("system"), each.get("code")] for each in ours["codings"] if "code" in each]
    degraded = ours["coding_quality"] == "degraded"
    return (
        theirs["name"] in (None, *names) and theirs["codings"] == codings and theirs["degraded"] == degraded
    )
