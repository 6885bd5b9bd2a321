"""What runs a pipeline: a delivery in, a validated request to its handler, an outcome and events out."""

from bridge.engine.context import Context
from bridge.engine.pipeline import Pipeline, installed_pipelines, pipeline

__all__ = ["Context", "Pipeline", "installed_pipelines", "pipeline"]
