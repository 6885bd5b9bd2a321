"""The parts of ``deploy/SCALE.md`` that are written by programs, each between two comments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

GUIDE: Final = Path(__file__).parents[2] / "deploy" / "SCALE.md"

_WORDS: Final = {
    "memory_mb": "memory (RSS), MB",
    "files": "open files, without connections to PostgreSQL",
    "threads": "threads",
    "tasks": "tasks of the event loop",
    "database_connections": "connections to PostgreSQL",
    "sockets": "sockets, likewise",
}


@dataclass(frozen=True, slots=True)
class Course:
    """How something went: the median of the first tenth that counts, of the last, and the growth of a line."""

    first: float
    last: float
    growth: float


@dataclass(frozen=True, slots=True)
class LoadFacts:
    """What came of a run.

    Attributes:
        held: by a worker, by name.
        waited: by kind, the seconds until the last event.
        machine: seconds of a fixed loop, which has nothing to do with the worker.
    """

    requests: int
    seconds: float
    held: Mapping[str, Course]
    waited: Mapping[str, Course]
    machine: Course


def block(text: str, name: str) -> str:
    """What stands between the comments of this name."""
    return text.partition(f"<!-- {name}:")[2].partition("-->\n")[2].partition(f"<!-- end of {name} -->")[0]


def replace(file: Path, name: str, content: str) -> None:
    """Write it there instead."""
    text = file.read_text(encoding="utf-8")
    before, comment, rest = text.partition(f"<!-- {name}:")
    opening, end, rest = rest.partition("-->\n")
    _, last, rest = rest.partition(f"<!-- end of {name} -->")
    assert comment, name
    assert last, name
    file.write_text(f"{before}{comment}{opening}{end}{content}{last}{rest}", encoding="utf-8")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """As Markdown has it; all but the first column are numbers."""
    lines: list[Sequence[str]] = [head, ("---", *("--:" for _ in head[1:])), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def read_table(text: str) -> list[list[str]]:
    """The cells of the rows under the head of the first table in a text."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def write_load(file: Path, facts: LoadFacts) -> None:
    """Write what came of a run."""
    timed = {f"ms until the last event, {name}": each for name, each in facts.waited.items()} | {
        "ms of a fixed loop beside it: the machine": facts.machine
    }
    rows = [
        *((_WORDS[name], each) for name, each in facts.held.items()),
        *((what, Course(each.first * 1000, each.last * 1000, each.growth)) for what, each in timed.items()),
    ]
    cells = [
        (what, f"{each.first:.0f}", f"{each.last:.0f}", f"{each.growth * 100:+.1f} %") for what, each in rows
    ]
    said = (
        f"{facts.requests:,} requests in {facts.seconds / 60:.0f} minutes, all answered as they should be; "
        "the balance holds and the audit trail is whole.\n\n"
    )
    replace(
        file,
        "load",
        said + table(("One worker", "at first", "at last", "a line through all of it rises by"), cells),
    )
