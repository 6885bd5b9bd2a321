"""What changed since a record was told last, as CloudEvents: one for each area that is not as it was."""

from collections.abc import Sequence
from typing import Any, Final

import orjson

from bridge.areas.table import AREAS
from bridge.contracts.envelope import JSON, STRUCTURED
from bridge.contracts.events import to_write
from bridge.renderings.changes.base import Base
from bridge.renderings.changes.comparing import ChangedArea, Unusable, compare
from bridge.renderings.rendering import (
    Lost,
    Remembered,
    Rendered,
    RenderingOptions,
    RenderingSpec,
    ToldBefore,
    WholeAnswer,
)

_HASH_OF_ALL: Final = "It is of all items together; each change has the hashes of its own item."


def render(answer: WholeAnswer, _: RenderingOptions) -> Sequence[Rendered | Remembered]:
    """An event for each area that is not as it was told last, and what is kept for the next answer."""
    found = compare(answer.events, _base(answer.before))
    fault = answer.before.fault
    if fault in ("busy", "too_large"):
        found = found.not_told(fault)
    manifest: dict[str, Any] = {"compared": found.compared} if found.compared else {}
    if found.changed is not None:
        manifest["changed"] = found.changed
    keep = None if found.keep is None else found.keep.to_bytes()
    return [*(_event(answer, area) for area in found.told), Remembered(keep, manifest)]


def _base(before: ToldBefore) -> Base | Unusable | None:
    if before.fault == "base_unusable":
        return before.fault
    return None if before.base is None else Base.read(before.base) or "base_unusable"


def _event(answer: WholeAnswer, area: ChangedArea) -> Rendered:
    attributes = answer.attributes(area.kind, media_type=JSON)
    body = orjson.dumps(attributes | {"data": to_write(area.data, area.published.written)})
    return Rendered(area.kind, attributes["id"], STRUCTURED, body)


CHANGES: Final = RenderingSpec(
    name="changes",
    reads=frozenset(area.kind for area in AREAS.areas),
    topics={area.changed_kind: JSON for area in AREAS.areas},
    losses=tuple(Lost(f"{area.name}.content_hash", _HASH_OF_ALL) for area in AREAS.areas),
    render=render,
    compares=True,
)
