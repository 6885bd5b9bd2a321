"""``requirements.html`` and ``.csv``: from each duty of a consumer to the tests that prove it, and what they came to."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bridge.assurance import PackPart, PartSummary, write_csv
from tests.assurance.pack.facts import PAGES, TreeFacts
from tests.assurance.pack.run import Outcome
from tests.duties.deployer import DIGESTS
from tests.duties.register import Duty, Version

HEAD = (
    "duty",
    "level",
    "words",
    "capability",
    "area",
    "versions of the specification",
    "page of the specification",
    "who",
    "status",
    "what the deploying organisation does",
    "tests",
    "results",
    "seconds",
)
VERSIONS: tuple[Version, ...] = ("0.7", "1.2", "1.2.9", "1.6")
THEIRS = "deployer's"
STATUSES = ("proven", "failed", "not shown", "open", THEIRS, "later area")


@dataclass(frozen=True, slots=True)
class Traced:
    """A duty, and what its tests came to.

    Attributes:
        status: ``proven``: a test that claims it passed with every case, and none failed; ``failed``: one did; ``not shown``:
            it has tests, and none of them passed whole in this run; ``open``: it has none.
    """

    duty: Duty
    tests: tuple[tuple[str, Outcome], ...]
    status: str

    @property
    def seconds(self) -> float:
        """Of all its tests."""
        return sum(outcome.seconds for _, outcome in self.tests)


def traced(facts: TreeFacts) -> list[Traced]:
    """Every duty, in the order of the register."""
    found = []
    for duty in facts.duties.values():
        tests = tuple((test, facts.run.of(test)) for test in facts.proofs.get(duty.id, []))
        found.append(Traced(duty, tests, _status(duty, [outcome for _, outcome in tests])))
    return found


def write(folder: Path, facts: TreeFacts) -> PartSummary:
    """Write the matrix as a page and as a table."""
    rows = traced(facts)
    digests = {digest: [row for row in rows if row.duty.digest == digest] for digest in DIGESTS}
    PAGES.page(
        folder / "requirements.html",
        "requirements.html",
        facts,
        run=facts.run,
        titles=DIGESTS,
        digests=digests,
        statuses=STATUSES,
        by_digest={digest: _counts(of) for digest, of in digests.items()},
        by_version={
            version: _counts(row for row in rows if version in row.duty.versions) for version in VERSIONS
        },
    )
    write_csv(folder / "requirements.csv", HEAD, [_row(row) for row in rows])
    counts = _counts(rows)
    gone = [row.duty.id for row in rows if row.status in ("failed", "open", "not shown")]
    return PartSummary(
        covers=(
            f"{len(rows)} duties of a GP Connect consumer: {counts['proven']} proven by tests that passed in this run, {counts[THEIRS]} the deploying organisation's.",
        ),
        open=tuple(f"Duties without proof in this run: {', '.join(gone)}." for _ in gone[:1]),
        theirs=(
            f"{sum(1 for row in rows if row.duty.deployer_note)} duties are yours, wholly or by half: operations.html and requirements.html name each.",
        ),
        fails=_of_another_commit(facts),
        files=("requirements.csv",),
    )


def _of_another_commit(facts: TreeFacts) -> tuple[str, ...]:
    """What a run proved of other files than these is no proof."""
    if facts.run.commit in (None, facts.commit):
        return ()
    return (f"The run of the tests was on another commit than this pack: {facts.run.commit}.",)


def _status(duty: Duty, outcomes: list[Outcome]) -> str:
    results = {outcome.result for outcome in outcomes}
    if "failed" in results:
        return "failed"
    if duty.met_by == "deployer":
        return THEIRS
    if "passed" in results:
        return "proven"
    if outcomes:
        return "not shown"
    return "later area" if duty.later else "open"


def _counts(rows: Iterable[Traced]) -> Counter[str]:
    return Counter(row.status for row in rows)


def _row(row: Traced) -> tuple[str, ...]:
    duty = row.duty
    return (
        duty.id,
        duty.level,
        duty.words,
        DIGESTS[duty.digest],
        duty.area or "",
        " ".join(duty.versions),
        duty.page,
        duty.met_by,
        row.status,
        duty.deployer_note or "",
        " ".join(test for test, _ in row.tests),
        "; ".join(outcome.result for _, outcome in row.tests),
        f"{row.seconds:.2f}",
    )


PART = PackPart(
    name="requirements.html",
    title="Requirements and their proof",
    says="Which duties GP Connect lays on a consumer, who meets each, which tests prove it, and what they came to in this run.",
    write=write,
)
