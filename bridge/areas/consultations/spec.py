"""Consultations, as one area (digest §5.2)."""

from collections.abc import Iterator
from typing import Final

from bridge.areas.consultations.events import (
    CONSULTATIONS_PUBLISHED,
    ConsultationsChanged,
    ConsultationsPublished,
)
from bridge.areas.consultations.mapping import map_consultations
from bridge.areas.consultations.model import Consultation
from bridge.areas.consultations.narrative import is_narrative
from bridge.areas.consultations.options import ConsultationOptions
from bridge.areas.consultations.query import MOST_RECENT, PARAMETER, PERIOD, query
from bridge.areas.events import area_published
from bridge.areas.spec import AreaSpec, ListOfArea


def _pieces_of(consultation: Consultation) -> Iterator[object]:
    """What any number of participants and words may repeat stands in pieces of its own."""
    repeating = ("participants", "location", "topics")
    yield {name: value for name, value in consultation.items() if name not in repeating}
    yield from consultation["participants"]
    yield from consultation["location"]
    for topic in consultation["topics"]:
        for section in (topic, *topic["headings"]):
            yield [section["items"], section["problems"], section.get("title")]
            for words in section["narrative"]:
                yield {name: value for name, value in words.items() if name != "performers"}
                yield from words["performers"]


CONSULTATIONS: Final[AreaSpec[ConsultationOptions, Consultation]] = AreaSpec(
    name="consultations",
    parameter=PARAMETER,
    lists=(ListOfArea(name="consultations", code="1149501000000101", bare_ids="Encounter"),),
    kinds={"Encounter": None, "Observation": is_narrative},
    options=ConsultationOptions,
    query=query,
    parts=(PERIOD, MOST_RECENT),
    fields={PERIOD: "from, to", MOST_RECENT: "most_recent"},
    read=map_consultations,
    pieces_of=_pieces_of,
    brings_linked=True,
    kind=CONSULTATIONS_PUBLISHED,
    data=ConsultationsPublished,
    changed=ConsultationsChanged,
    publish=lambda record, _: area_published(CONSULTATIONS_PUBLISHED, record, "consultations"),
)
