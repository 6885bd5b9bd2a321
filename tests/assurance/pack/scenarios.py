"""``scenarios/``: a page for each clinical scenario of First of Type, as it was run."""

from pathlib import Path

from bridge.assurance import PackPart, PartSummary
from tests.assurance.pack.facts import PAGES, TreeFacts
from tests.assurance.pack.shown import shown

OUTSIDE = (
    ("Look for slots", "none"),
    ("See appointments", "a community team's review of its schedule; patients themselves"),
    ("Book", "by a hospital on discharge (such as the removal of sutures); home visits; the district nurse after discharge; pharmacies; patients and carers"),
    ("Amend", "everything but description and comment"),
    ("Cancel", "by patients and carers"),
)  # fmt: skip


def write(folder: Path, facts: TreeFacts) -> PartSummary:
    """Write the list, a page for each, and the pictures."""
    inside = folder / "scenarios"
    PAGES.page(
        inside / "index.html", "scenarios.html", facts, up="../", scenarios=facts.scenarios, outside=OUTSIDE
    )
    for run in facts.scenarios:
        for name, _, picture in run.pictures:
            (inside / name).write_bytes(picture)
        PAGES.page(
            inside / f"{run.scenario.name}.html",
            "scenario.html",
            facts,
            up="../",
            scenario=run.scenario,
            steps=[shown(step) for step in run.steps],
            pictures=run.pictures,
        )
    failed = [run for run in facts.scenarios if any(step.outcome != "completed" for step in run.steps)]
    return PartSummary(
        covers=(
            f"{len(facts.scenarios)} clinical scenarios that First of Type names, each run step by step with its messages, calls and events; {len(facts.scenarios) - len(failed)} completed.",
        ),
        open=tuple(
            f"The scenario “{run.scenario.title}” did not complete: {', '.join(step.outcome for step in run.steps)}."
            for run in failed
        ),
        theirs=(
            "Booking by a hospital on discharge is outside First of Type: do not use it in live without NHS England's written agreement.",
            "What users see and do in each scenario, on the EPR's own screens (JO-009, JO-028).",
        ),
        fails=tuple(f"The scenario “{run.scenario.title}” did not complete." for run in failed),
    )


PART = PackPart(
    name="scenarios/index.html",
    title="Clinical scenarios of First of Type",
    says="What happens, step by step, in each clinical scenario that the product has a part in, with pictures; and which scenarios are outside.",
    write=write,
)
