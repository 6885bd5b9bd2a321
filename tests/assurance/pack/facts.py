"""What the pack is made of: the registers of this tree, and the run of its tests."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bridge.assurance import PackFacts, Pages, product_facts
from tests.assurance.hazards import ROOT, Hazard
from tests.assurance.hazards import load as load_hazards
from tests.assurance.pack.run import TestRun, read_run
from tests.duties.proofs import collect
from tests.duties.register import Duty
from tests.duties.register import load as load_duties
from tests.support.kept_results import commit

RESULTS = ROOT / ".artefacts" / "junit.xml"
PAGES = Pages(Path(__file__).parent / "templates")


@dataclass(frozen=True, slots=True)
class TreeFacts(PackFacts):
    """Of a source tree.

    Attributes:
        root: of the tree.
        run: of the tests.
        duties: by id.
        proofs: tests that claim a duty, as ``path::name``, by its id.
        hazards: in the order of the log.
    """

    root: Path
    run: TestRun
    duties: Mapping[str, Duty]
    proofs: Mapping[str, list[str]]
    hazards: list[Hazard]


def tree_facts(results: Path = RESULTS, root: Path = ROOT) -> TreeFacts:
    """Of this tree now, and of its run in `results`. Collects the tests, which takes some seconds, and runs none.

    Raises:
        ValueError: the registers, or the tests that claim duties, have faults: nothing is made of them.
    """
    product, duties = product_facts(), load_duties()
    proofs = collect(duties.keys())
    if proofs.problems:
        raise ValueError("\n".join(proofs.problems))
    return TreeFacts(
        version=product.version,
        commit=commit(root),
        written_at=product.written_at,
        root=root,
        run=read_run(results, root),
        duties=duties,
        proofs=proofs.tests,
        hazards=load_hazards(),
    )
