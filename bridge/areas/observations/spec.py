"""Observations, as one area: uncategorised data, and status entries of immunisations (digest §5.4)."""

from collections.abc import Iterator
from typing import Final

from bridge.areas.events import area_published
from bridge.areas.observations.events import (
    OBSERVATIONS_PUBLISHED,
    ObservationsChanged,
    ObservationsPublished,
)
from bridge.areas.observations.mapping import is_observation, map_observations
from bridge.areas.observations.options import ObservationOptions
from bridge.areas.observations.query import PARAMETER, PERIOD, query
from bridge.areas.spec import AreaSpec, ListOfArea
from bridge.record.observations import Observation

_LIST: Final = "826501000000100"


def _list_of(observation: Observation) -> str:
    """A status entry is expected in the list of immunisations, unless it stands in the own one as well."""
    if "immunisation_status" in observation and _LIST not in observation["provenance"]["list_codes"]:
        return "immunisations"
    return "observations"


def _pieces_of(observation: Observation) -> Iterator[object]:
    """What any number of performers may repeat stands in pieces of its own."""
    yield {name: value for name, value in observation.items() if name != "performers"}
    yield from observation["performers"]


OBSERVATIONS: Final[AreaSpec[ObservationOptions, Observation]] = AreaSpec(
    name="observations",
    parameter=PARAMETER,
    lists=(ListOfArea(name="observations", code=_LIST, bare_ids="Observation"),),
    kinds={"Observation": is_observation, "QuestionnaireResponse": None},
    options=ObservationOptions,
    query=query,
    parts=(PERIOD,),
    fields={PERIOD: "from, to"},
    read=map_observations,
    list_of=_list_of,
    pieces_of=_pieces_of,
    kind=OBSERVATIONS_PUBLISHED,
    data=ObservationsPublished,
    changed=ObservationsChanged,
    publish=lambda record, _: area_published(OBSERVATIONS_PUBLISHED, record, "observations"),
)
