"""Steering a sandbox in another process: faults on and off, and what it has seen.

===========================  =======================================================================
``PUT /control/faults``      ``{"key": NHS number, ODS code or "*", "fault": {"kind": "status", …}}``
``DELETE /control/faults``   all faults off, those of the scenarios too
``GET /control/calls``       every call so far, oldest first
``DELETE /control/calls``    forget them
===========================  =======================================================================

The number is in the body, never in the address: addresses end up in logs.
"""

import json
from dataclasses import asdict

from bridge.sandbox.calls import Call, CallLog
from bridge.sandbox.faults import Fault, FaultBoard
from bridge.sandbox.web import Reply, Request

PREFIX = "/control/"
_JSON = {"content-type": "application/json"}


class Control:
    """Answers ``/control/…``."""

    def __init__(self, faults: FaultBoard, calls: CallLog) -> None:
        self._faults = faults
        self._calls = calls

    async def handle(self, request: Request, _: Call) -> Reply:
        """Answer one request."""
        match request.method, request.target:
            case "PUT", "/control/faults":
                return self._set_fault(request.body)
            case "DELETE", "/control/faults":
                self._faults.clear()
                return Reply(204)
            case "GET", "/control/calls":
                body = json.dumps([asdict(one) for one in self._calls], default=str).encode()
                return Reply(200, body, dict(_JSON))
            case "DELETE", "/control/calls":
                self._calls.clear()
                return Reply(204)
        return Reply(404, b'{"error":"no such control"}', dict(_JSON))

    def _set_fault(self, body: bytes) -> Reply:
        try:
            value = json.loads(body)
            self._faults.set(str(value["key"]), Fault.from_json(value["fault"]))
        except (ValueError, TypeError, KeyError, AttributeError):
            return Reply(400, b'{"error":"key and fault are expected"}', dict(_JSON))
        return Reply(204)
