"""The GP Connect client: one module per capability, and its error dialects as one error tree."""

from bridge.gpconnect.client import Capability, GpConnect
from bridge.gpconnect.structured import StructuredAnswer

__all__ = ["Capability", "GpConnect", "StructuredAnswer"]
