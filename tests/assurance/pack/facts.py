"""What the pack is made of: the registers of this tree, and the run of its tests."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bridge.assurance import PackFacts, Pages, product_facts
from tests.assurance.hazards import ROOT, Hazard
from tests.assurance.hazards import load as load_hazards
from tests.assurance.pack.first_of_type import ScenarioRun
from tests.assurance.pack.run import TestRun, read_run
from tests.assurance.pack.simulated import StepRun
from tests.duties.register import Duty
from tests.duties.register import load as load_duties
from tests.support.kept_results import commit

_COLLECT = """
import json, sys
from tests.duties.proofs import collect
from tests.duties.register import load
found = collect(load().keys())
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump([found.tests, found.problems], file)
"""
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
        steps: what was made against the simulator, for every patient of it.
        scenarios: of First of Type, as they were run.
    """

    root: Path
    run: TestRun
    duties: Mapping[str, Duty]
    proofs: Mapping[str, list[str]]
    hazards: list[Hazard]
    steps: tuple[StepRun, ...] = ()
    scenarios: tuple[ScenarioRun, ...] = ()


def tree_facts(results: Path = RESULTS, root: Path = ROOT) -> TreeFacts:
    """Of this tree now, of its run in `results`, and of what is made against the simulator for it.

    Collects the tests, which takes some seconds, and runs none; the simulator's runs take some minutes.

    Raises:
        ValueError: the registers, or the tests that claim duties, have faults: nothing is made of them.
    """
    product, duties = product_facts(), load_duties()
    proofs = _proofs()
    from tests.assurance.pack.runs import run_all  # noqa: PLC0415 - few need a browser

    steps, scenarios = run_all()
    return TreeFacts(
        version=product.version,
        commit=commit(root),
        written_at=product.written_at,
        root=root,
        run=read_run(results, root),
        duties=duties,
        proofs=proofs,
        hazards=load_hazards(),
        steps=steps,
        scenarios=scenarios,
    )


def _proofs() -> dict[str, list[str]]:
    """Collected in a process of its own: pytest wants to be the first to import what it looks at."""
    with TemporaryDirectory() as name:
        file = Path(name) / "proofs.json"
        subprocess.run([sys.executable, "-c", _COLLECT, str(file)], cwd=ROOT, check=True)
        tests, problems = json.loads(file.read_text(encoding="utf-8"))
    if problems:
        raise ValueError("\n".join(problems))
    return dict(tests)
