"""The Observations that are of no other area, each with the answers of its questionnaires (digest §5.4)."""

from typing import Final

from bridge.areas.observations.answers import Responses
from bridge.areas.observations.options import ObservationOptions
from bridge.areas.spec import AreaAnswer
from bridge.fhir.index import ReceivedEntry
from bridge.mapping.items import newest_first
from bridge.mapping.observation import map_observation
from bridge.mapping.provenance import keep_apart
from bridge.mapping.reading import Reading
from bridge.record.observations import Observation

AREA: Final = "observations"
_USES: Final = frozenset({"coded", "immunisation_status"})


def is_observation(reading: Reading, received: ReceivedEntry) -> bool:
    """Whether it is an Observation of this area: no result of an investigation, and no words alone."""
    return received.kind == "Observation" and reading.uses.of(received.ref, received.resource) in _USES


def map_observations(answer: AreaAnswer[ObservationOptions]) -> list[Observation]:
    """Every observation of the bundle, once, however many lists name it; the newest first."""
    reading = answer.reading
    responses = Responses(reading, AREA)
    found: list[Observation] = []
    for received in reading.distinct("Observation", AREA, is_observation):
        observation = reading.read(received, AREA, lambda item: map_observation(reading, item))
        if observation is None:
            continue
        reading.keep(received)
        if reading.uses.of(received.ref, received.resource) == "immunisation_status":
            observation["immunisation_status"] = True
        responses.add_to(observation)
        found.append(observation)
    responses.account()
    keep_apart(reading, found)
    return newest_first(found, lambda each: each.get("effective"))
