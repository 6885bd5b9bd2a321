"""Changes that no test can notice, because they change nothing; ``equivalents.toml`` says of each why."""

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.operators import Mutant

_LIST = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True, slots=True)
class Equivalent:
    """A change that changes nothing.

    Attributes:
        module: the module, from the top of the repository.
        line: the first line of what is changed, as it is written there, without the blanks around it.
        change: in the script's words.
        why: nothing comes of it.
    """

    module: str
    line: str
    change: str
    why: str

    def numbers(self, source: str, every: Collection[Mutant]) -> set[int]:
        """Which of the changes of its module it is."""
        lines = source.splitlines()
        return {
            each.number
            for each in every
            if each.change == self.change and lines[each.lines[0] - 1].strip() == self.line
        }


def equivalents() -> list[Equivalent]:
    """All that are known."""
    listed = tomllib.loads(_LIST.read_text(encoding="utf-8")).get("equivalent", [])
    return [Equivalent(**each) for each in listed]
