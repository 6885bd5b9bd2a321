"""Whether messages of one release are messages of another: what their JSON Schemas allow, part by part."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

Schema = Mapping[str, Any]
Way = Literal["read", "written"]


def breaks(before: Schema, now: Schema, way: Way) -> list[str]:
    """What whoever keeps to the schema of the release before would stumble over, by place.

    Args:
        way: ``written`` for what is published, whose readers know `before`: no field goes, none that was always there becomes one
            that may be missing, none changes its type. ``read`` for requests, whose senders know `before`: besides, nothing
            is asked that was not.
    """
    return sorted(set(_Pair(before, now, way).breaks("$", before, now)))


class _Pair:
    def __init__(self, before: Schema, now: Schema, way: Way) -> None:
        self._roots = (before, now)
        self._way = way
        self._seen: set[tuple[str, str]] = set()

    def breaks(self, at: str, before: Schema, now: Schema) -> Iterator[str]:
        names = (str(before.get("$ref")), str(now.get("$ref")))
        if names != ("None", "None"):
            if names in self._seen:
                return
            self._seen.add(names)
        before, now = _resolved(before, self._roots[0]), _resolved(now, self._roots[1])
        if "anyOf" in before or "anyOf" in now:
            yield from self._choices(at, before.get("anyOf", [before]), now.get("anyOf", [now]))
            return
        if before.get("type") != now.get("type") and "type" in now and "type" in before:
            yield f"{at}: {before['type']} became {now['type']}"
            return
        yield from self._values(at, before, now)
        yield from self._fields(at, before, now)
        for part in ("items", "additionalProperties"):
            if isinstance(before.get(part), Mapping) and isinstance(now.get(part), Mapping):
                yield from self.breaks(f"{at}[]", before[part], now[part])

    def _fields(self, at: str, before: Schema, now: Schema) -> Iterator[str]:
        old, new = before.get("properties", {}), now.get("properties", {})
        for name, part in old.items():
            if name in new:
                yield from self.breaks(f"{at}.{name}", part, new[name])
            else:
                yield f"{at}.{name}: gone"
        always, always_now = set(before.get("required", ())), set(now.get("required", ()))
        if self._way == "written":
            yield from (f"{at}.{name}: was always there" for name in (always - always_now) & set(new))
        else:
            yield from (f"{at}.{name}: is asked for now" for name in always_now - always)

    def _values(self, at: str, before: Schema, now: Schema) -> Iterator[str]:
        """Values may come; one that a sender may write is taken for ever."""
        if "enum" in before or "const" in before:
            gone = set(_allowed(before)) - set(_allowed(now) or _allowed(before))
            yield from (f"{at}: {value!r} is no value any more" for value in gone)

    def _choices(self, at: str, before: list[Schema], now: list[Schema]) -> Iterator[str]:
        """Each alternative of before has one now that it fits."""
        for choice in before:
            fits = [list(_Pair(*self._roots, self._way).breaks(at, choice, other)) for other in now]
            if all(fits):
                yield from min(fits, key=len)


def _resolved(part: Schema, root: Schema) -> Schema:
    while "$ref" in part:
        part = root["$defs"][part["$ref"].removeprefix("#/$defs/")]
    return part


def _allowed(part: Schema) -> list[Any]:
    return [part["const"]] if "const" in part else list(part.get("enum", ()))
