"""Investigations, as one area (digest §5.5)."""

from collections.abc import Iterator
from typing import Final

from bridge.areas.events import area_published
from bridge.areas.investigations.events import (
    INVESTIGATIONS_PUBLISHED,
    InvestigationsChanged,
    InvestigationsPublished,
)
from bridge.areas.investigations.mapping import is_request, map_investigations, observations_of
from bridge.areas.investigations.model import InvestigationReport
from bridge.areas.investigations.options import InvestigationOptions
from bridge.areas.investigations.query import PARAMETER, PERIOD, query
from bridge.areas.investigations.structure import is_of_report
from bridge.areas.spec import AreaSpec, ListOfArea
from bridge.record import Identified

_PARTS: Final = ("groups", "results", "filing_comments", "specimens", "requests", "performers")


def _parts_of(report: InvestigationReport) -> Iterator[Identified]:
    """A report, and what of it came as an Observation."""
    yield report
    yield from observations_of(report)


def _pieces_of(report: InvestigationReport) -> Iterator[object]:
    """What any number of reports or of their parts may repeat stands in pieces of its own."""
    yield {name: value for name, value in report.items() if name not in _PARTS}
    yield from report["performers"]
    yield from report["specimens"]
    yield from report["requests"]
    for each in observations_of(report):
        yield {name: value for name, value in each.items() if name != "results"}


INVESTIGATIONS: Final[AreaSpec[InvestigationOptions, InvestigationReport]] = AreaSpec(
    name="investigations",
    parameter=PARAMETER,
    lists=(ListOfArea(name="investigations", code="887191000000108", bare_ids="DiagnosticReport"),),
    kinds={
        "DiagnosticReport": None,
        "Observation": is_of_report,
        "Specimen": None,
        "ProcedureRequest": is_request,
    },
    options=InvestigationOptions,
    query=query,
    parts=(PERIOD,),
    fields={PERIOD: "from, to"},
    read=map_investigations,
    parts_of=_parts_of,
    pieces_of=_pieces_of,
    brings=frozenset({"documents"}),
    kind=INVESTIGATIONS_PUBLISHED,
    data=InvestigationsPublished,
    changed=InvestigationsChanged,
    publish=lambda record, _: area_published(INVESTIGATIONS_PUBLISHED, record, "investigations"),
)
