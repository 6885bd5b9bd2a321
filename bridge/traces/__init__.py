"""Spans on their way to a collector: switched on, sent and flushed; off, nothing of it is even imported."""

from bridge.traces.opening import Traces, tracing
from bridge.traces.variables import trace_faults, traces_are_on

__all__ = ["Traces", "trace_faults", "traces_are_on", "tracing"]
