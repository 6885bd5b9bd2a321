"""By which an item is told to have changed: a hash over all of it that a practice could have changed."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import orjson

_OF_THE_ANSWER: Final = frozenset({"content_hash", "list_codes", "linked_only"})
"""What depends on the version of a resource, or on what else was asked for."""
_UNORDERED: Final = frozenset({"issue_codes", "problem_refs"})
_NESTED: Final = (dict, list)
_LINK: Final = "in_record"
"""Every link has it, and nothing else."""


def item_hash(item: Mapping[str, Any]) -> str:
    """The same for the same content, whatever else was asked for; 64 hexadecimal digits."""
    return sha256(orjson.dumps(_said(item), option=orjson.OPT_SORT_KEYS)).hexdigest()


def said_hash(said: Sequence[object]) -> str:
    """Of what is said about an area beside its items; 64 hexadecimal digits."""
    return sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _said(value: Any) -> Any:
    """A value without what belongs to the answer, and lists whose order means nothing in one order."""
    if type(value) is list:
        return [_said(each) if type(each) in _NESTED else each for each in value]
    if _LINK in value:
        # What it leads to; whether that came as well, and what became of it there, is of the answer.
        return [value.get("source_ref", value.get("reference")), value.get("display")]
    return {
        name: sorted(each) if name in _UNORDERED else _said(each) if type(each) in _NESTED else each
        for name, each in value.items()
        if name not in _OF_THE_ANSWER
    }
