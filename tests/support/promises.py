"""What a bus promises on which broker: the table of `deploy/README.md`, written by the tests and held to them.

A promise is a test that the classes of all brokers inherit, and is called what that test is called. While it runs on a
broker the table must say that it is kept there; ``PROMISES=write make brokers`` writes what was seen.
"""

import inspect
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.support import brokers
from tests.support.rabbit_releases import RELEASES

GUIDE: Final = Path(__file__).parents[2] / "deploy" / "README.md"
BEGIN, END = "<!-- promises: written by make brokers -->", "<!-- end of promises -->"
NATS: Final = "NATS"
COLUMNS: Final = (*(release.title for release in RELEASES), NATS)
KEPT: Final = "kept"

Kept = dict[str, set[str]]
"""The promises that were seen to be kept, by column."""


class Promises:
    """What a class of tests inherits whose tests are promises of every broker.

    Attributes:
        part: what they are about, as the table has it.
    """

    part: str

    @pytest.fixture(autouse=True)
    def _promise_is_told(self, request: pytest.FixtureRequest) -> None:
        column = column_of(request.node)
        promise = words(getattr(request.node, "originalname", request.node.name))
        if is_writing() or column is None or promise not in promises_of(type(self)):
            return  # a test of this broker alone, or a release that has no column
        told = kept_in(GUIDE.read_text(encoding="utf-8"))
        assert promise in told[column], f"{column}: {promise}: run make brokers with PROMISES=write"


def is_writing() -> bool:
    """Whether the table is written, and not held to what runs."""
    return os.environ.get("PROMISES") == "write"


def words(test: str) -> str:
    """The promise that a test is, from its name."""
    return test.removeprefix("test_").replace("_", " ").replace(" s ", "'s ").capitalize()


def promises_of(tests: type[Promises]) -> list[str]:
    """The promises of a class, in its order: what it has from the classes that all brokers inherit."""
    shared = [each for each in inspect.getmro(tests) if "part" in vars(each)]
    return [words(name) for each in shared for name in vars(each) if name.startswith("test_")]


def column_of(item: pytest.Item) -> str | None:
    """The column of the broker that a test runs on; None when it has none."""
    if item.get_closest_marker("nats"):
        return NATS
    if not item.get_closest_marker("rabbit"):
        return None
    title = f"RabbitMQ {brokers.rabbitmq_series()}"
    return title if title in COLUMNS else None


def kept_in(guide: str) -> Kept:
    """What the table says."""
    found: Kept = {column: set() for column in COLUMNS}
    for row in guide.partition(BEGIN)[2].partition(END)[0].strip().splitlines()[2:]:
        promise, *cells = (part.strip() for part in row.strip("|").split("|"))
        for column, cell in zip(COLUMNS, cells, strict=True):
            if cell == KEPT:
                found[column].add(promise)
    return found


def table(parts: Mapping[str, list[str]], kept: Mapping[str, set[str]]) -> str:
    """The table of what is kept, the promises by part."""
    return "\n".join(_lines(parts, kept))


def _lines(parts: Mapping[str, list[str]], kept: Mapping[str, set[str]]) -> Iterator[str]:
    yield f"| | {' | '.join(COLUMNS)} |"
    yield "|---" * (len(COLUMNS) + 1) + "|"
    for part, promises in parts.items():
        yield f"| **{part}** |" + " |" * len(COLUMNS)
        for promise in promises:
            yield f"| {promise} | {' | '.join(KEPT if promise in kept[one] else '' for one in COLUMNS)} |"


def write(parts: Mapping[str, list[str]], seen: Mapping[str, set[str]]) -> None:
    """Put what was seen into the guide; columns that were not looked at stay as they are."""
    guide = GUIDE.read_text(encoding="utf-8")
    before, begin, rest = guide.partition(BEGIN)
    _, end, after = rest.partition(END)
    new = table(parts, kept_in(guide) | dict(seen))
    GUIDE.write_text(f"{before}{begin}\n{new}\n{end}{after}", encoding="utf-8")
