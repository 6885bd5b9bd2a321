"""``conformance.html``: what an independent simulator saw of each duty of a consumer, in a run of all its patients."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bridge.assurance import PackPart, PartSummary, write_csv
from bridge.sandbox import BY_NAME
from tests.assurance.pack.facts import PAGES, TreeFacts
from tests.assurance.pack.rules import RULES, Rule
from tests.assurance.pack.shown import shown
from tests.assurance.pack.simulated import StepRun
from tests.duties.deployer import DIGESTS
from tests.duties.register import Duty

JUDGED = ("SP", "CS", "HT", "FN", "AP", "DO")
BINDING = {"MUST", "MUST NOT", "SHALL", "SHALL NOT", "SAFETY"}
HEAD = ("duty", "level", "words", "how it is seen", "status", "seen", "kept", "violated in")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one duty.

    Attributes:
        how: it is seen; empty where it cannot be, from outside.
        seen: how often.
        broken: the patients with whom it was violated.
    """

    duty: Duty
    how: str
    seen: int
    broken: tuple[str, ...]

    @property
    def status(self) -> str:
        """``kept``, ``violated``, ``not seen``, or ``by tests alone``."""
        if not self.how:
            return "by tests alone"
        if self.broken:
            return "violated"
        return "kept" if self.seen else "not seen"


def verdicts(facts: TreeFacts, rules: Sequence[Rule] = RULES) -> list[Verdict]:
    """Of every duty of a capability that the software meets, in the order of the register."""
    times: dict[str, list[tuple[bool, str]]] = {}
    ways: dict[str, list[str]] = {}
    for rule in rules:
        told = [
            (kept, step.scenario)
            for number, step in enumerate(facts.steps)
            for kept in rule.judge(step, facts.steps[:number])
        ]
        for duty in rule.duties:
            times.setdefault(duty, []).extend(told)
            ways.setdefault(duty, []).append(rule.how)
    return [
        Verdict(
            duty,
            "; ".join(dict.fromkeys(ways.get(duty.id, []))),
            len(times.get(duty.id, [])),
            tuple(sorted({scenario for kept, scenario in times.get(duty.id, []) if not kept})),
        )
        for duty in facts.duties.values()
        if duty.met_by == "software" and duty.digest in JUDGED
    ]


def write(folder: Path, facts: TreeFacts) -> PartSummary:
    """Write the verdicts, and a page for each patient with everything that was sent and answered."""
    found = verdicts(facts)
    counts = Counter(verdict.status for verdict in found)
    patients = {step.scenario: BY_NAME[step.scenario].reason for step in facts.steps}
    PAGES.page(
        folder / "conformance.html",
        "conformance.html",
        facts,
        digests={digest: [one for one in found if one.duty.digest == digest] for digest in JUDGED},
        titles=DIGESTS,
        counts=counts,
        steps=facts.steps,
        patients=patients,
        refusals=_refusals(facts.steps),
    )
    write_csv(folder / "conformance.csv", HEAD, [_row(one) for one in found])
    for name, reason in patients.items():
        steps = [shown(step) for step in facts.steps if step.scenario == name]
        file = folder / "conformance" / f"{name}.html"
        PAGES.page(file, "exchanges.html", facts, up="../", name=name, reason=reason, steps=steps)
    broken = [one for one in found if one.broken]
    unseen = ", ".join(one.duty.id for one in found if one.status == "not seen")
    return PartSummary(
        covers=(
            f"{len(facts.steps)} requests for {len(patients)} patients of the simulator: {counts['kept']} duties seen and kept, {counts['violated']} violated.",
            f"{counts['by tests alone']} duties cannot be seen from outside, as what is shown or stored: tests prove them.",
        ),
        open=(
            *([f"Duties that the run gave no occasion for: {unseen}."] if unseen else []),
            "The simulator stands in for Spine and practices. It was written from the specification and shares no code with what it judges, but it is the supplier's: Spine INT has the last word.",
            *(f"{one.duty.id} was violated with {', '.join(one.broken)}." for one in broken),
        ),
        theirs=("Conformance testing of the deployed solution, with NHS England (JO-005 to JO-007).",),
        fails=tuple(
            f"The simulator saw {one.duty.id} violated with {', '.join(one.broken)}."
            for one in broken
            if one.duty.level in BINDING
        ),
        files=("conformance.csv",),
    )


def _refusals(steps: Sequence[StepRun]) -> list[tuple[str, str, list[str]]]:
    """What was refused, by whom, and with which patients: each is there for it."""
    found: dict[tuple[str, str], set[str]] = {}
    for step in steps:
        for call in step.calls:
            if call.refused:
                found.setdefault((call.upstream, _without_address(call.refused)), set()).add(step.scenario)
    return [(upstream, words, sorted(names)) for (upstream, words), names in sorted(found.items())]


def _without_address(words: str) -> str:
    """Spine's own words name the address, which is another in every run."""
    return "the address is not the one that is registered" if "VARIES_FROM_TARGETURL" in words else words


def _row(one: Verdict) -> tuple[str, ...]:
    kept = "" if not one.how else "no" if one.broken else "yes" if one.seen else ""
    return (
        one.duty.id,
        one.duty.level,
        one.duty.words,
        one.how,
        one.status,
        str(one.seen),
        kept,
        " ".join(one.broken),
    )


PART = PackPart(
    name="conformance.html",
    title="Conformance, as a simulator saw it",
    says="Which duties of a consumer an independent simulator of PDS, SDS, the Spine proxy and practices saw kept or violated, with every request and answer.",
    write=write,
)
