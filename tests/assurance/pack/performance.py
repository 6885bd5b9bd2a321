"""``performance.html``: the bench with charts, the outage matrix and the simulated week, each with the run that it is of."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bridge.assurance import PackPart, PartSummary
from bridge.assurance.words import as_html
from tests.assurance.pack.facts import PAGES, TreeFacts
from tests.support.kept_results import BENCH, BENCH_RUN, ROOT, WEEK, KeptResult, kept

FAULTS: Final = "tests/faults/"
_COUNTED: Final = "instructions: "
_MATRIX: Final = "## When something breaks\n"


@dataclass(frozen=True, slots=True)
class SpeedLine:
    """A promise of speed: a ratio inside one run against its goal.

    Attributes:
        share: how much of the goal is used up: over 1 it is missed.
    """

    name: str
    ratio: float
    goal: str
    holds: bool
    note: str

    @property
    def share(self) -> float:
        """Of the goal: the ratio by the limit, or the limit by the ratio where more is better."""
        limit = float(self.goal.split()[-1])
        used = self.ratio / limit if self.goal.startswith("<") else limit / self.ratio if self.ratio else 0.0
        return round(used, 3)


@dataclass(frozen=True, slots=True)
class ChartBar:
    """A bar of a chart of 360 units; `y` is the top of its label."""

    label: str
    y: int
    width: float
    told: str
    holds: bool


def write(folder: Path, facts: TreeFacts) -> PartSummary:
    """Write the page of what there is of this tree."""
    return write_measured(
        folder,
        facts,
        speed(kept_root(facts, BENCH)),
        kept(kept_root(facts, BENCH_RUN)),
        kept(kept_root(facts, WEEK)),
    )


def kept_root(facts: TreeFacts, file: Path) -> Path:
    """Where a file of results is in the tree that the pack is of."""
    return facts.root / file.relative_to(ROOT)


def write_measured(
    folder: Path,
    facts: TreeFacts,
    measured: Sequence[SpeedLine],
    bench: KeptResult | None,
    week: KeptResult | None,
) -> PartSummary:
    """Write the page of these results."""
    guide = (facts.root / "deploy" / "README.md").read_text(encoding="utf-8")
    counted = [line for line in measured if line.name.startswith(_COUNTED)]
    timed = [line for line in measured if not line.name.startswith(_COUNTED)]
    tests = {test: found for test, found in facts.run.outcomes.items() if test.startswith(FAULTS)}
    PAGES.page(
        folder / "performance.html",
        "performance.html",
        facts,
        bench=bench,
        charts=[
            (title, name, lines, *chart(lines))
            for title, name, lines in (
                ("Ratios of time, CPU and memory", "timed", timed),
                ("Counted instructions", "counted", counted),
            )
            if lines
        ],
        week=week,
        outages=as_html(outage_matrix(guide), deeper=1),
        fault_tests=tests,
        started_at=facts.run.started_at,
    )
    missed = [line.name for line in measured if not line.holds]
    return PartSummary(
        covers=tuple(_covers(measured, len(missed), week, len(tests))),
        open=tuple(_open(facts, measured, bench, week, tests)),
        theirs=(
            "Load on your own hardware, broker, database and network: the figures are ratios of one machine.",
        ),
    )


def speed(file: Path) -> list[SpeedLine]:
    """What the bench measured last; nothing where it was not run."""
    if not file.is_file():
        return []
    found: Mapping[str, Mapping[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return [
        SpeedLine(name, each["ratio"], each["goal"], each["holds"], each.get("note", ""))
        for name, each in found.items()
    ]


def chart(lines: Sequence[SpeedLine]) -> tuple[list[ChartBar], int]:
    """The bars of a chart, and its height; the goal is at 260 of 340 units, and a bar ends at 340 at the latest."""
    bars = [
        ChartBar(
            line.name.removeprefix(_COUNTED),
            16 + 40 * at,
            round(min(260 * line.share, 340), 1),
            f"{round(100 * line.share)} %",
            line.holds,
        )
        for at, line in enumerate(lines)
    ]
    return bars, 24 + 40 * len(bars)


def outage_matrix(guide: str) -> str:
    """That section of the guide, in Markdown, without its heading."""
    return guide.partition(_MATRIX)[2].partition("\n## ")[0]


def _covers(measured: Sequence[SpeedLine], missed: int, week: KeptResult | None, tests: int) -> list[str]:
    found = []
    if measured:
        found.append(f"{len(measured)} promises of speed as ratios inside one run, {missed} of them missed.")
    if tests:
        found.append(f"{tests} fault tests in this run, beside the outage matrix of the guide.")
    if week:
        found.append(
            f"A simulated week of {week.content['requests']} requests in which everything goes wrong."
        )
    return found


def _open(
    facts: TreeFacts,
    measured: Sequence[SpeedLine],
    bench: KeptResult | None,
    week: KeptResult | None,
    tests: Mapping[str, Any],
) -> list[str]:
    found = []
    if not measured:
        found.append("The bench was not run for this pack.")
    found += [
        f"Speed: {line.name} missed its goal ({line.ratio} against {line.goal})."
        for line in measured
        if not line.holds
    ]
    if not tests:
        found.append("No fault test is in the run that this pack is made of.")
    if week is None:
        found.append("The simulated week was not run for this pack.")
    others = [
        name
        for name, kept_of in (("bench", bench), ("week", week))
        if kept_of and kept_of.commit != facts.commit
    ]
    if measured and bench is None:
        others.append("bench")
    found += [f"The results of the {name} are not known to be of this commit." for name in others]
    return found


PART: Final = PackPart(
    "performance.html",
    "Performance and faults",
    "How fast is it, what happens when something breaks, and what does a week of trouble come to?",
    write,
)
