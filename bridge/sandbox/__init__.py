"""A stand-in for PDS, SDS, the proxy and GP practices, as real HTTP servers.

It is an independent judge of the engine: it shares no code and no constant with what it checks, only the
check of an NHS number. `running` starts it inside an event loop, `serve` as a program of its own.
"""

from bridge.sandbox.calls import Call, CallLog
from bridge.sandbox.faults import Fault, FaultKind
from bridge.sandbox.running import RunningSandbox, SandboxOptions, Tls, running
from bridge.sandbox.scenarios import BY_NAME, SCENARIOS, Scenario
from bridge.sandbox.standalone import serve
from bridge.sandbox.world import COMMUNITY, HOSPITAL

__all__ = [
    "BY_NAME",
    "COMMUNITY",
    "HOSPITAL",
    "SCENARIOS",
    "Call",
    "CallLog",
    "Fault",
    "FaultKind",
    "RunningSandbox",
    "SandboxOptions",
    "Scenario",
    "Tls",
    "running",
    "serve",
]
