"""An Observation, as every area reads it that has some: observations, investigations, immunisations."""

from bridge.mapping.observation.resource import map_observation

__all__ = ["map_observation"]
