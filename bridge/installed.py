"""What packages of this installation offer by entry points: pipelines, and buses."""

import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any


def offered(group: str) -> Iterable[EntryPoint]:
    """The entry points of a group, whoever has installed them."""
    found: Iterable[EntryPoint] = _all(tuple(sys.path)).select(group=group)
    return found


@cache
def _all(path: tuple[str, ...]) -> Any:
    """Those of every group on this path: each look opens a file of every package that is installed."""
    del path
    return entry_points()
