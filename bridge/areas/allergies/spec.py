"""Allergies and intolerances, as one area of two lists: active ones and ended ones (digest §4)."""

from collections.abc import Collection
from typing import Final

from bridge.areas.allergies.events import (
    ALLERGIES_PUBLISHED,
    AllergiesChanged,
    AllergiesPublished,
    allergies_published,
)
from bridge.areas.allergies.mapping import COPIES, map_allergies, name_of_list
from bridge.areas.allergies.model import Allergy
from bridge.areas.allergies.options import AllergyOptions
from bridge.areas.allergies.query import ENDED, PARAMETER, query
from bridge.areas.allergies.statement import conclude
from bridge.areas.spec import AreaSpec, ListOfArea


def _wanted(options: AllergyOptions) -> Collection[str]:
    return ("allergies", "ended_allergies") if options.include_ended else ("allergies",)


def _list_of(allergy: Allergy) -> str:
    return "ended_allergies" if allergy["clinical_status"] == "resolved" else "allergies"


ALLERGIES: Final = AreaSpec(
    name="allergies",
    parameter=PARAMETER,
    lists=(
        ListOfArea(name="allergies", code="886921000000105", bare_ids="AllergyIntolerance"),
        ListOfArea(name="ended_allergies", code="1103671000000101", part=ENDED),
    ),
    kinds={"AllergyIntolerance": None},
    options=AllergyOptions,
    query=query,
    fields={ENDED: "include_ended"},
    wanted=_wanted,
    read=map_allergies,
    list_of=_list_of,
    contains="AllergyIntolerance",
    name_by_content=name_of_list,
    copies=COPIES,
    conclude=conclude,
    kind=ALLERGIES_PUBLISHED,
    data=AllergiesPublished,
    changed=AllergiesChanged,
    marks_unlisted=False,
    always_read=True,
    publish=lambda record, _: allergies_published(record),
    is_over=lambda allergy: allergy["clinical_status"] == "resolved",
)
