from bridge.areas.events import AreaChanged
from bridge.areas.spec import AreaSpec, ListOfArea
from tests.unit.areas.immunisations.events import (
    IMMUNISATIONS_PUBLISHED,
    ImmunisationsPublished,
    immunisations_published,
)
from tests.unit.areas.immunisations.mapping import map_immunisations
from tests.unit.areas.immunisations.options import ImmunisationOptions
from tests.unit.areas.immunisations.query import NOT_GIVEN, PARAMETER, query

IMMUNISATIONS = AreaSpec(
    name="immunisations",
    parameter=PARAMETER,
    lists=(ListOfArea(name="immunisations", code="1102181000000102", bare_ids="Immunization"),),
    kinds={"Immunization": None},
    options=ImmunisationOptions,
    query=query,
    parts=(NOT_GIVEN,),
    read=map_immunisations,
    kind=IMMUNISATIONS_PUBLISHED,
    data=ImmunisationsPublished,
    changed=AreaChanged,
    publish=immunisations_published,
)
