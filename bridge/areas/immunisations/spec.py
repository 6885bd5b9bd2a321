"""Immunisations: one list, in which their status entries stand too (digest §5.3)."""

from collections.abc import Iterator
from typing import Final

from bridge.areas.events import area_published
from bridge.areas.immunisations.events import (
    IMMUNISATIONS_PUBLISHED,
    ImmunisationsChanged,
    ImmunisationsPublished,
)
from bridge.areas.immunisations.mapping import map_immunisations
from bridge.areas.immunisations.model import Immunisation
from bridge.areas.immunisations.options import ImmunisationOptions
from bridge.areas.immunisations.query import NOT_GIVEN, PARAMETER, STATUSES, query
from bridge.areas.spec import AreaSpec, ListOfArea


def _pieces_of(immunisation: Immunisation) -> Iterator[object]:
    """What any number of performers may repeat stands in pieces of its own."""
    yield {name: value for name, value in immunisation.items() if name != "performers"}
    yield from immunisation["performers"]


IMMUNISATIONS: Final[AreaSpec[ImmunisationOptions, Immunisation]] = AreaSpec(
    name="immunisations",
    parameter=PARAMETER,
    lists=(ListOfArea(name="immunisations", code="1102181000000102", bare_ids="Immunization"),),
    kinds={"Immunization": None},
    options=ImmunisationOptions,
    query=query,
    parts=(NOT_GIVEN, STATUSES),
    fields={NOT_GIVEN: "include_not_given", STATUSES: "include_statuses"},
    practice_defaults={"include_not_given": False, "include_statuses": True},
    read=map_immunisations,
    pieces_of=_pieces_of,
    brings=frozenset({"observations"}),
    kind=IMMUNISATIONS_PUBLISHED,
    data=ImmunisationsPublished,
    changed=ImmunisationsChanged,
    publish=lambda record, _: area_published(IMMUNISATIONS_PUBLISHED, record, "immunisations"),
)
