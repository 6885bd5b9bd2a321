"""``operations.html``: the runbook, what to see to before going live, and the deployer's duties as a list to tick and sign."""

import re
from itertools import groupby
from pathlib import Path
from typing import Final

from bridge.assurance import PackPart, PartSummary
from bridge.assurance.words import as_html
from tests.assurance.pack.facts import PAGES, TreeFacts
from tests.duties.deployer import DIGESTS
from tests.duties.register import Duty

_BEFORE: Final = "## Before going live\n"


def write(folder: Path, facts: TreeFacts) -> PartSummary:
    """Write the page from the guides of ``deploy/`` and the register of duties."""
    guides = facts.root / "deploy"
    runbook = (guides / "RUNBOOK.md").read_text(encoding="utf-8")
    lists = checklists(list(facts.duties.values()))
    before = before_going_live((guides / "README.md").read_text(encoding="utf-8"))
    PAGES.page(
        folder / "operations.html",
        "operations.html",
        facts,
        runbook=as_html(runbook.partition("\n")[2], deeper=1),
        alerts=re.findall(r"^## (Bridge\w+)$", runbook, re.MULTILINE),
        before=[as_html(line).removeprefix("<p>").removesuffix("</p>\n") for line in before],
        lists=lists,
    )
    count = sum(len(duties) for _, duties in lists)
    return PartSummary(
        covers=("A runbook: each alert with what it means, where to look, what to do and whom to wake.",),
        theirs=(
            f"{count} duties of GP Connect that the software cannot meet, or not alone, as a list to tick and sign.",
            f"{len(before)} things to see to before going live.",
        ),
    )


def checklists(duties: list[Duty]) -> list[tuple[str, list[Duty]]]:
    """The deployer's duties in the order of ``deploy/DUTIES.md``, each list with its heading."""
    noted = [duty for duty in duties if duty.deployer_note]
    order = list(DIGESTS)
    noted.sort(key=lambda duty: (duty.later, order.index(duty.digest), duty.met_by != "deployer", duty.id))
    return [
        (
            f"{DIGESTS[digest]}: {'all yours' if met_by == 'deployer' else 'your half'}"
            + (", when later capabilities are used" if later else ""),
            list(found),
        )
        for (later, digest, met_by), found in groupby(
            noted, key=lambda duty: (duty.later, duty.digest, duty.met_by)
        )
    ]


def before_going_live(guide: str) -> list[str]:
    """The lines of that list of the guide, in Markdown."""
    section = guide.partition(_BEFORE)[2].partition("\n## ")[0]
    return re.findall(r"^- \[ \] (.+)$", section, re.MULTILINE)


PART: Final = PackPart(
    "operations.html",
    "Operations",
    "What does an alert mean and what is done about it, and which duties must the deploying organisation take on?",
    write,
)
