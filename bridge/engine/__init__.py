"""What runs a pipeline: a delivery in, a validated request to its handler, an outcome and events out."""

from bridge.engine.context import Context
from bridge.engine.partial import Partial
from bridge.engine.pipeline import Operation, Pipeline, installed_pipelines, pipeline
from bridge.engine.side_effects import Doubt, Json

__all__ = ["Context", "Doubt", "Json", "Operation", "Partial", "Pipeline", "installed_pipelines", "pipeline"]
