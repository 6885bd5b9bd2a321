"""Figures of a worker, as Prometheus reads them: how much, how it ends, how long it takes, what is left."""

from bridge.figures.figures import Figures
from bridge.figures.sources import Sources

__all__ = ["Figures", "Sources"]
