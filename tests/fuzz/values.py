"""JSON values, and ways to spoil a good one."""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from bridge.record.nesting import is_nested_deeper

Path = tuple[str | int, ...]

_WRITABLE = 200
"""Levels: orjson writes no more than 254; what is deeper has tests of its own."""
_STRETCHED = 1_000_000
"""Characters, of a text that is stretched again and again: of some thousand million more orjson ends the process."""

# Whatever orjson can have read: no lone surrogates, integers of 64 bits.
TEXTS = st.text(max_size=12) | st.sampled_from(
    ["", " ", "\x00", "a\r\nb", "\u2028", "\u202e", "0", "-1", "9" * 400, "1e999", "NaN", "0000-00-00", "2026-13-45",
     "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "#", "#/", "/", "Patient/", "//", "-1-1-1"]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def spoilt(draw: st.DrawFn, good: Any) -> Any:
    """`good` after a few changes: parts dropped, doubled, replaced, swapped, spliced, nested or stretched."""
    value = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 5))):
        paths = list(_paths(value))
        if not paths:
            break
        path, other = draw(st.sampled_from(paths)), draw(st.sampled_from(paths))
        change = draw(st.sampled_from(["drop", "double", "swap", "put"]))
        if change == "drop":
            _get(value, path[:-1]).pop(path[-1])
        elif change == "double":
            holder = _get(value, path[:-1])
            if isinstance(holder, list):
                holder += [copy.deepcopy(_get(value, path)) for _ in range(draw(st.integers(1, 4)))]
        elif change == "swap":
            one, two = copy.deepcopy(_get(value, path)), copy.deepcopy(_get(value, other))
            _put(value, path, two)
            if _exists(value, other):
                _put(value, other, one)
        else:
            _put(value, path, draw(_instead_of(_get(value, path), _get(value, other))))
    return value if not is_nested_deeper(value, _WRITABLE) else copy.deepcopy(good)


@st.composite
def _instead_of(draw: st.DrawFn, part: Any, other: Any) -> Any:
    """What may stand in place of `part`: anything, another part, the same nested, stretched or emptied."""
    match draw(st.sampled_from(["anything", "other", "nested", "stretched", "empty"])):
        case "anything":
            return draw(VALUES)
        case "other":
            return copy.deepcopy(other)
        case "nested":
            for _ in range(draw(st.sampled_from([1, 2, 40, 300]))):
                part = draw(st.sampled_from([[part], {"extension": [part]}, {"text": part}]))
            return part
        case "stretched" if isinstance(part, str):
            times = draw(st.sampled_from([2, 300, 20_000]))
            return (part or "x") * min(times, max(1, _STRETCHED // max(1, len(part))))
        case _:
            return {} if isinstance(part, dict) else [] if isinstance(part, list) else None


def _paths(value: Any, before: Path = ()) -> Iterator[Path]:
    if len(before) > 60:  # deep enough to spoil
        return
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*before, key)
        yield from _paths(each, (*before, key))


def _get(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def _put(value: Any, path: Path, new: Any) -> None:
    _get(value, path[:-1])[path[-1]] = new


def _exists(value: Any, path: Path) -> bool:
    for key in path:
        inside = (isinstance(value, dict) and key in value) or (
            isinstance(value, list) and isinstance(key, int) and key < len(value)
        )
        if not inside:
            return False
        value = value[key]
    return True
