"""``hazard-log.html`` and ``.csv``: the hazard log in the terms of DCB0129, each control held to the run of the tests."""

from collections.abc import Iterator
from pathlib import Path

from bridge.assurance import PackPart, PartSummary, write_csv
from tests.assurance.hazards import Control, Hazard, Risk, grave_and_open
from tests.assurance.pack.facts import PAGES, TreeFacts

HEAD = (
    "hazard",
    "title",
    "effect",
    "owner",
    "status",
    "causes",
    "initial severity",
    "initial likelihood",
    "initial risk",
    "residual severity",
    "residual likelihood",
    "residual risk",
    "what remains",
    "kind of control",
    "control",
    "control stands",
    "tests",
)


def standing(facts: TreeFacts) -> set[str]:
    """Tests that controls name, and that passed in the run."""
    return facts.run.standing(
        test for hazard in facts.hazards for control in hazard.control for test in control.tests
    )


def status(hazard: Hazard, stand: set[str]) -> str:
    """As it is, whatever the log says: a control without its tests opens it."""
    return "open" if hazard.is_open(stand) else hazard.status


def write(folder: Path, facts: TreeFacts) -> PartSummary:
    """Write the log as a page and as a table."""
    stand = standing(facts)
    PAGES.page(
        folder / "hazard-log.html",
        "hazard_log.html",
        facts,
        hazards=facts.hazards,
        stand=stand,
        status=lambda hazard: status(hazard, stand),
        run=facts.run,
    )
    rows = [
        row for hazard in facts.hazards for control in hazard.control for row in _row(hazard, control, stand)
    ]
    write_csv(folder / "hazard-log.csv", HEAD, rows)
    kinds = [status(hazard, stand) for hazard in facts.hazards]
    named = {test for hazard in facts.hazards for control in hazard.control for test in control.tests}
    opened = [hazard for hazard in facts.hazards if hazard.is_open(stand)]
    return PartSummary(
        covers=(
            f"{len(kinds)} hazards, {kinds.count('controlled')} controlled by the product, {kinds.count('shared')} together with the deploying organisation, {kinds.count('open')} open.",
            f"{len(stand)} of the {len(named)} tests that controls name passed in this run.",
        ),
        open=(
            "The ratings are the engineers' proposal: a clinical safety officer has to confirm or change each, and sign.",
            *(f"{hazard.id} {hazard.title}: a control is open." for hazard in opened),
        ),
        theirs=(
            "The controls of the kind “training”, and every hazard whose status is “shared”: add your own controls, and rate them in your setting.",
        ),
        fails=tuple(
            f"An open control of a grave hazard: {line}." for line in grave_and_open(facts.hazards, stand)
        ),
        files=("hazard-log.csv",),
    )


def _row(hazard: Hazard, control: Control, stand: set[str]) -> Iterator[tuple[str, ...]]:
    yield (
        hazard.id,
        hazard.title,
        hazard.effect,
        hazard.owner,
        status(hazard, stand),
        "; ".join(f"{cause.level}: {cause.words}" for cause in hazard.cause),
        *_risk(hazard.initial),
        *_risk(hazard.residual),
        hazard.residual.why,
        control.kind,
        control.words,
        _stands(control, stand),
        " ".join(control.tests),
    )


def _stands(control: Control, stand: set[str]) -> str:
    if control.kind == "test":
        return "no" if control.missing(stand) else "yes"
    return "by design" if control.kind == "design" else "by people"


def _risk(risk: Risk) -> tuple[str, str, str]:
    return risk.severity, risk.likelihood, str(risk.rating)


PART = PackPart(
    name="hazard-log.html",
    title="Hazard log (DCB0129)",
    says="What may go wrong, what it would do to a patient, what is done about it, whether that was proven in this run, and what remains.",
    write=write,
)
