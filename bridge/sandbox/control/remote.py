"""Steering a sandbox in another process: faults on and off, the appointment books, and what it has seen.

================================  ==================================================================
``PUT /control/faults``           ``{"key": NHS number, ODS code or "*", "fault": {"kind": "status", …}}``
``PUT /control/storm``            ``{"key": …, "storm": {"seed": 1, "probability": 0.2, "faults": […]}}``
``DELETE /control/faults``        all faults and storms off, those of the scenarios too
``GET /control/calls``            every call so far, oldest first
``DELETE /control/calls``         forget them
``GET /control/diary/A99001``     the practice's appointments with their history, and the slots taken
``POST /control/diary/A99001``    its staff: ``{"take": slot id}``, ``{"touch": appointment id}`` or
                                  ``{"limit": {ODS code: appointments}}``
``POST /control/reset``           as at the start
================================  ==================================================================

The number is in the body, never in the address: addresses end up in logs.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import orjson

from bridge.sandbox.appointments.diary import Diary
from bridge.sandbox.control.board import FaultBoard
from bridge.sandbox.control.calls import Call, CallLog
from bridge.sandbox.control.faults import InjectedFault
from bridge.sandbox.control.inspection import diary_json
from bridge.sandbox.control.storms import Storm
from bridge.sandbox.outcomes import Refusal
from bridge.sandbox.web import Reply, Request

PREFIX = "/control/"
_DIARY = "/control/diary/"
_JSON = {"content-type": "application/json"}


class Control:
    """Answers ``/control/…``.

    Args:
        diary: the appointment book of an ODS code; KeyError when there is none.
        reset: makes the sandbox as it was at its start.
    """

    def __init__(
        self, faults: FaultBoard, calls: CallLog, *, diary: Callable[[str], Diary], reset: Callable[[], None]
    ) -> None:
        self._faults = faults
        self._calls = calls
        self._diary = diary
        self._reset = reset

    async def handle(self, request: Request, _: Call) -> Reply:
        """Answer one request."""
        try:
            return self._answer(request)
        except (ValueError, TypeError, KeyError, AttributeError, Refusal):
            return Reply(400, b'{"error":"not what this control expects"}', dict(_JSON))

    def _answer(self, request: Request) -> Reply:
        if request.target.startswith(_DIARY):
            return self._book(request, self._diary(request.target.removeprefix(_DIARY)))
        match request.method, request.target:
            case "PUT", "/control/faults":
                value = json.loads(request.body)
                self._faults.set(str(value["key"]), InjectedFault.from_json(value["fault"]))
            case "PUT", "/control/storm":
                value = json.loads(request.body)
                self._faults.set_storm(str(value["key"]), Storm.from_json(value["storm"]))
            case "DELETE", "/control/faults":
                self._faults.clear()
            case "GET", "/control/calls":
                body = json.dumps([asdict(one) for one in self._calls], default=str).encode()
                return Reply(200, body, dict(_JSON))
            case "DELETE", "/control/calls":
                self._calls.clear()
            case "POST", "/control/reset":
                self._reset()
            case _:
                return Reply(404, b'{"error":"no such control"}', dict(_JSON))
        return Reply(204)

    def _book(self, request: Request, diary: Diary) -> Reply:
        if request.method == "GET":
            return Reply(200, orjson.dumps(diary_json(diary)), dict(_JSON))
        value: Any = json.loads(request.body)
        match value:
            case {"take": str() as slot_id}:
                diary.staff_take(slot_id)
            case {"touch": str() as appointment_id}:
                diary.staff_touch(appointment_id)
            case {"limit": dict() as limits}:
                diary.limits = {str(ods): int(number) for ods, number in limits.items()}
            case _:
                raise ValueError("nothing that staff do")
        return Reply(204)
