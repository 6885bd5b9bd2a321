"""The door for whoever writes a pipeline: everything that one needs is in here, and nothing else is promised.

A pipeline is declared with `pipeline` or `Pipeline`, and its handler gets a validated request and a
`Context`, and returns events. The rest stands in a module for each question:

============  ==========================================================
`requests`    what may be asked
`events`      what may be published
`records`     what a record is made of
`practice`    what a practice is asked, and what it gives
`errors`      what a handler may raise or catch
`telemetry`   what the log is told, beside what the engine tells
============  ==========================================================

How to write one, step by step: ``pipelines/README.md``. How to test one: `bridge.testing`.
"""

from bridge.areas import GpRecord
from bridge.areas.requests import RecordRequest
from bridge.contracts.events import Event
from bridge.contracts.requests import GpConnectRequest
from bridge.pipelines.care_record import CareRecord
from bridge.pipelines.context import Context
from bridge.pipelines.declaration import Pipeline, pipeline
from bridge.pipelines.details import Details
from bridge.pipelines.errors import FailureCode, NotDone, Partial, Refused, RequestRejected, Unavailable
from bridge.pipelines.side_effects import InDoubt, Json

__all__ = [
    "CareRecord",
    "Context",
    "Details",
    "Event",
    "FailureCode",
    "GpConnectRequest",
    "GpRecord",
    "InDoubt",
    "Json",
    "NotDone",
    "Partial",
    "Pipeline",
    "RecordRequest",
    "Refused",
    "RequestRejected",
    "Unavailable",
    "pipeline",
]
