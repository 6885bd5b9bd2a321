"""``safety-case.md``: the clinical safety case report with the product's part written, its figures from this run."""

from collections import Counter
from pathlib import Path

from bridge.assurance import PackPart, PartSummary
from tests.assurance.hazards import grave_and_open
from tests.assurance.pack import hazard_log, requirements
from tests.assurance.pack.facts import PAGES, TreeFacts


def write(folder: Path, facts: TreeFacts) -> PartSummary:
    """Write the report as Markdown, to be completed, and as a page."""
    stand = hazard_log.standing(facts)
    PAGES.document(
        folder / "safety-case.md",
        "safety_case.md.jinja",
        facts,
        title="Clinical safety case report",
        hazards=facts.hazards,
        statuses=Counter(hazard_log.status(hazard, stand) for hazard in facts.hazards),
        residual=Counter(hazard.residual.rating for hazard in facts.hazards),
        status=lambda hazard: hazard_log.status(hazard, stand),
        controls=Counter(control.kind for hazard in facts.hazards for control in hazard.control),
        proven=len(stand),
        named=len({test for hazard in facts.hazards for control in hazard.control for test in control.tests}),
        grave=grave_and_open(facts.hazards, stand),
        duties=Counter(row.status for row in requirements.traced(facts)),
        results=Counter(outcome.result for outcome in facts.run.outcomes.values()),
        run=facts.run,
    )
    return PartSummary(
        covers=(
            "The product's part of a clinical safety case report: intended use, scope, architecture, hazards, evidence, residual risks.",
        ),
        open=(
            "The report is a draft until a clinical safety officer of the manufacturer has completed and signed it.",
        ),
        theirs=(
            "DCB0160: your own safety case and hazard log for the deployment; section 9 of the report lists what they add.",
        ),
        files=("safety-case.md",),
    )


PART = PackPart(
    name="safety-case.html",
    title="Clinical safety case report",
    says="What the product is for and not for, how it is built, which hazards it has, why its risks are acceptable, and what the deploying organisation adds for DCB0160.",
    write=write,
)
