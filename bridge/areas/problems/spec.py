"""Problems, as one area (digest §5.1)."""

from collections.abc import Iterator
from typing import Final

from bridge.areas.events import area_published
from bridge.areas.problems.events import PROBLEMS_PUBLISHED, ProblemsChanged, ProblemsPublished
from bridge.areas.problems.mapping import map_problems
from bridge.areas.problems.model import Problem
from bridge.areas.problems.options import ProblemOptions
from bridge.areas.problems.query import PARAMETER, STATUS, query
from bridge.areas.spec import AreaSpec, ListOfArea


def _pieces_of(problem: Problem) -> Iterator[object]:
    """Whoever asserted many problems stands in a piece of its own."""
    yield {name: value for name, value in problem.items() if name != "asserter"}
    if "asserter" in problem:
        yield problem["asserter"]


PROBLEMS: Final[AreaSpec[ProblemOptions, Problem]] = AreaSpec(
    name="problems",
    parameter=PARAMETER,
    lists=(ListOfArea(name="problems", code="717711000000103", bare_ids="Condition"),),
    kinds={"Condition": None},
    options=ProblemOptions,
    query=query,
    parts=(STATUS,),
    fields={STATUS: "status"},
    read=map_problems,
    pieces_of=_pieces_of,
    brings_linked=True,
    kind=PROBLEMS_PUBLISHED,
    data=ProblemsPublished,
    changed=ProblemsChanged,
    publish=lambda record, _: area_published(PROBLEMS_PUBLISHED, record, "problems"),
    is_over=lambda problem: problem["clinical_status"] == "inactive",
)
