"""What a bench says."""

from typing import NamedTuple


class Result(NamedTuple):
    """One promise: a ratio inside one run, its goal, and whether it holds."""

    name: str
    ratio: float
    goal: str
    holds: bool
    note: str
