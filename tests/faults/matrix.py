"""The outage matrix of `deploy/README.md`: written by the fault tests, and held to what they see.

`tests/faults/outages.py` says in words what an outage does. Each test that causes one says here how the requests
ended, and fails when the guide says otherwise, or when a row names a code that was not to be seen.
``make outages`` lets the tests write the table instead.
"""

import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.faults.outages import OUTAGES, Outage

GUIDE = Path(__file__).parents[2] / "deploy" / "README.md"
WRITE = "OUTAGES"
"""The environment variable that lets the tests write: ``OUTAGES=write``."""
HEADER = (
    "| What breaks | What users see | What recovers by itself | What an operator does | Seen in the run |"
)
_CODES = re.compile(r"`([^`]+)`")
_COUNT = re.compile(r"(?<![^ ])\d+ ")
_PAUSE = "longest pause"
_SETTING = re.compile(r"BRIDGE_[A-Z_]+")

Seen = dict[str, str]
"""By what it was seen on, such as a broker: how the requests ended."""


class Outages:
    """What one test sees.

    Args:
        log: the log of this process; what stands in it so far is of other tests.
    """

    def __init__(self, log: Path) -> None:
        self._logs = [(log, log.stat().st_size)]
        self._names: set[str] = set()

    def reads(self, log: Path) -> None:
        """The test has a process of its own, which writes here."""
        self._logs.append((log, 0))

    def did(self, *names: str) -> None:
        """The test did, or read elsewhere, what the row names: a command, an answer of `/readyz`."""
        self._names.update(names)

    def logged(self, name: str) -> bool:
        """Whether the test's logs have this event or code by now."""
        return name in self._logged()

    def saw(
        self,
        key: str,
        *,
        on: str,
        ends: Counter[str],
        fewer: bool = False,
        stopped: float | None = None,
    ) -> None:
        """The outage was caused on a broker or database, and so the requests ended.

        `fewer`: than the guide counts, which has them as `make outages` does. They ended in the same ways.
        `stopped`: seconds in which no request was answered, at the most. The guide tells what it was when it was
        written, and no test fails for another.
        """
        outage = OUTAGES[key]
        assert on in outage.on, f"{on} is not among what the outage is proven on"
        names = {*self._names, *self._logged(), *_CODES.findall(" ".join(ends))}
        unseen = [name for name in codes(outage) if name not in names]
        assert not unseen, f"the row names what was not to be seen: {unseen}"
        if os.environ.get(WRITE) == "write" and not fewer:
            write(key, on, summary(ends) + ("" if stopped is None else f", {_PAUSE} {math.ceil(stopped)} s"))
        told = seen_in(GUIDE.read_text(encoding="utf-8"))[key].get(on, "").partition(f", {_PAUSE} ")[0]
        if fewer:
            assert _COUNT.sub("", told) == _COUNT.sub("", summary(ends)), "run `make outages`"
        else:
            assert told == summary(ends), "run `make outages`"

    def _logged(self) -> Iterator[str]:
        for log, start in self._logs:
            with log.open("rb") as file:
                file.seek(start)
                for line in file:
                    yield from _texts(line)


def codes(outage: Outage) -> list[str]:
    """What a row names literally and a run must show; settings stand in a table of their own."""
    return [
        name
        for text in (outage.users, outage.alone, outage.operator)
        for name in _CODES.findall(text)
        if not _SETTING.fullmatch(name)
    ]


def summary(ends: Mapping[str, int]) -> str:
    """``28 completed, 2 failed (`provider_timeout`)``."""
    return ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))


def table(seen: Mapping[str, Seen]) -> str:
    """The matrix, in the order of `OUTAGES`."""
    lines = [HEADER, "|" + "---|" * (HEADER.count("|") - 1)]
    for key, outage in OUTAGES.items():
        cells = (outage.fault, outage.users, outage.alone, outage.operator, _cell(outage, seen.get(key, {})))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def table_in(guide: str) -> str:
    """The matrix as it stands in the guide."""
    start = guide.index(HEADER)
    return guide[start : guide.index("\n\n", start)]


def seen_in(guide: str) -> dict[str, Seen]:
    """What the guide says was seen, by outage."""
    by_fault = {outage.fault: key for key, outage in OUTAGES.items()}
    found: dict[str, Seen] = {key: {} for key in OUTAGES}
    for row in table_in(guide).splitlines()[2:]:
        fault, *_, cell = (part.strip() for part in row.strip("|").split("|"))
        if fault in by_fault and cell:
            for part in cell.split("; "):
                names, _, text = part.partition(": ")
                found[by_fault[fault]].update(dict.fromkeys(names.split(", "), text))
    return found


def write(key: str, on: str, text: str) -> None:
    """Put what was seen into the guide, and everything else as `OUTAGES` has it."""
    guide = GUIDE.read_text(encoding="utf-8")
    seen = seen_in(guide)
    seen[key][on] = text
    GUIDE.write_text(guide.replace(table_in(guide), table(seen)), encoding="utf-8")


def _cell(outage: Outage, seen: Seen) -> str:
    together: dict[str, list[str]] = {}
    for on in outage.on:
        if on in seen:
            together.setdefault(seen[on], []).append(on)
    return "; ".join(f"{', '.join(names)}: {text}" for text, names in together.items())


def _texts(line: bytes) -> Iterator[str]:
    """The event's name and every code in a line of a log."""
    try:
        found = json.loads(line)
    except ValueError:
        return
    if isinstance(found, dict):
        yield from (value for value in found.values() if isinstance(value, str))
