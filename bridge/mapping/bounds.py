"""How large a record may become: parts refer to each other, so a small bundle can describe a huge record.

A medication is repeated in everything that refers to it, a plan with all its issues in each statement based
on it, and what a plan says in each issue that says nothing. Real records repeat little; one that is made to
grow is refused as a whole, because half of it would look like all of it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from bridge.errors import ResponseInvalid

MAX_ENTRIES: Final = 100_000
"""Of a bundle. Large real records have some thousands."""
MAX_RECORD_BYTES: Final = 128 * 1024 * 1024
"""Of the record as JSON: twice the answer that an installation takes by default."""

_LEAST_TAKEN_OVER: Final = 10_000
_TAKEN_OVER_PER_RESOURCE: Final = 10
_SHARED_PER_ITEM: Final = 4
"""The medication, and up to three parties."""
_FEW_PARTS: Final = 8


class Growth:
    """An upper bound, cheap to keep, of what a record repeats: only beyond it is the record measured.

    Attributes:
        largest: bytes of the largest medication or party, as JSON.
        taken_over: parts that items took over with what holds them: the issues of plans. In a real record
            each once.
        copied: bytes that holders of many parts may have passed on to them.
        repeated: whether a holder stands in more than one item.
        times: how often items repeat what is shared beyond the few times that each may.
    """

    def __init__(self) -> None:
        self.largest = 0
        self.taken_over = 0
        self.copied = 0
        self.repeated = False
        self.times = 0

    def share(self, part: object) -> None:
        """Something that any number of items may repeat."""
        self.largest = max(self.largest, len(orjson.dumps(part)))

    def repeat(self, times: int) -> None:
        """An item, or a part of one, repeats what is shared as often as its sender likes: participants."""
        self.times += times

    def take_over(self, holder: Mapping[str, object], parts: Sequence[object], *, again: bool) -> None:
        """A holder of parts, which may take over what it says, becomes part of an item; perhaps once more."""
        self.taken_over += len(parts)
        self.repeated |= again
        if len(parts) > _FEW_PARTS:
            alone = {name: value for name, value in holder.items() if value is not parts}
            self.copied += len(parts) * len(orjson.dumps(alone))


def check_entries(bundle: dict[str, Any], body_sha256: str) -> None:
    """Refuse a bundle of too many entries.

    Raises:
        ResponseInvalid: `too_many_entries`.
    """
    entries = bundle.get("entry")
    if isinstance(entries, list) and len(entries) > MAX_ENTRIES:
        raise ResponseInvalid(stage="mapping", detail="too_many_entries", body_sha256=body_sha256)


def check_taken_over(growth: Growth, *, received: int, body_sha256: str) -> None:
    """Refuse a bundle whose statements share plans so that their issues multiply, before the work is done.

    Raises:
        ResponseInvalid: `record_too_large`.
    """
    if growth.taken_over > _LEAST_TAKEN_OVER + _TAKEN_OVER_PER_RESOURCE * received:
        raise ResponseInvalid(stage="mapping", detail="record_too_large", body_sha256=body_sha256)


def check_size(
    pieces: Callable[[], Iterator[object]], growth: Growth, *, mapped: int, body_sha256: str
) -> None:
    """Refuse a record that would be too large as JSON; its pieces are written one at a time and let go.

    Args:
        pieces: everything in the record, once for each time it is written, in pieces that repeat nothing
            inside; asked for only when the record may be too large.
        growth: what the record repeats.
        mapped: resources that stand in it.
        body_sha256: of the answer.

    Raises:
        ResponseInvalid: `record_too_large`.
    """
    repeated = growth.copied + growth.largest * (_SHARED_PER_ITEM * mapped + growth.times)
    if repeated <= MAX_RECORD_BYTES and not growth.repeated:
        return
    size = 0
    for piece in pieces():
        size += len(orjson.dumps(piece))
        if size > MAX_RECORD_BYTES:
            raise ResponseInvalid(stage="mapping", detail="record_too_large", body_sha256=body_sha256)
