"""What is kept of the answers about a patient, for the next one to be compared with.

Of items only what tells them apart: names, doses and words are in no part of it.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final, NamedTuple, Self

import orjson

from bridge.values import dataclass

_FORM: Final = 1
"""Of the bytes, and of the hashes in them. Another one is not read: everything would seem to have changed."""
_OVER: Final = 1
_MISSING: Final = 2
_LINKED: Final = 4


class KnownItem(NamedTuple):
    """What is kept of one item.

    Attributes:
        hash: of the item as it was told last; 64 hexadecimal digits.
        is_over: whether the practice's record said that it has ended.
        is_missing: whether it was told that it was not returned.
        is_linked: whether it only ever came along with something else: then nobody expects it.
    """

    hash: str
    is_over: bool = False
    is_missing: bool = False
    is_linked: bool = False


@dataclass(frozen=True, slots=True)
class KnownArea:
    """What is kept of one area.

    Attributes:
        snapshot_id: of the event of changes that told of it last.
        retrieved_at: of the answer that it was held against last; RFC 3339, UTC.
        said: hash of what was told of the area beside its items.
        limits: what its items were asked for with, as text; empty: without any limit. None: with several.
        has_detail: whether everything of each item was asked for.
        is_doubtful: whether the answer was not all there is, or not of all.
        items: by `item_id`.
    """

    snapshot_id: str
    retrieved_at: str
    said: str
    limits: str | None
    has_detail: bool
    is_doubtful: bool
    items: Mapping[str, KnownItem] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Base:
    """What is kept of a patient's record at one practice.

    Attributes:
        holder_ods: the practice.
        areas: by name.
    """

    holder_ods: str
    areas: Mapping[str, KnownArea]

    @classmethod
    def read(cls, kept: bytes) -> Self | None:
        """What `to_bytes` made; None when another version of the software made it."""
        found = orjson.loads(kept)
        if found["form"] != _FORM:
            return None
        return cls(found["holder"], {name: _area(each) for name, each in found["areas"].items()})

    def to_bytes(self) -> bytes:
        """To be sealed, and kept."""
        areas = {name: _written(each) for name, each in self.areas.items()}
        return orjson.dumps({"form": _FORM, "holder": self.holder_ods, "areas": areas})


def _area(kept: Mapping[str, Any]) -> KnownArea:
    return KnownArea(
        kept["snapshot_id"],
        kept["retrieved_at"],
        kept["said"],
        kept["limits"],
        kept["has_detail"],
        kept["is_doubtful"],
        {
            name: KnownItem(hashed, bool(marks & _OVER), bool(marks & _MISSING), bool(marks & _LINKED))
            for name, (hashed, marks) in kept["items"].items()
        },
    )


def _written(area: KnownArea) -> dict[str, Any]:
    return {
        "snapshot_id": area.snapshot_id,
        "retrieved_at": area.retrieved_at,
        "said": area.said,
        "limits": area.limits,
        "has_detail": area.has_detail,
        "is_doubtful": area.is_doubtful,
        "items": {
            name: [
                item.hash,
                item.is_over * _OVER | item.is_missing * _MISSING | item.is_linked * _LINKED,
            ]
            for name, item in area.items.items()
        },
    }
