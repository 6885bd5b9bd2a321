"""An Observation, as every area reads it that has some: observations, investigations, immunisations."""

from bridge.mapping.observation.resource import map_observation
from bridge.mapping.observation.values import observation_value

__all__ = ["map_observation", "observation_value"]
