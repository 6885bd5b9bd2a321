"""Requests of every kind as a hospital sends them, each waited for to its end, and what came of it counted."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import orjson

from bridge.bus.port import Bus, Delivery
from bridge.pipelines.installed import installed_pipelines
from bridge.sandbox import BY_NAME, MAIN, OLDER
from bridge.sandbox.people import crowd
from tests.bench.whole_record import EVERY_AREA
from tests.support.reception import day, example, ref_of, routing_key
from tests.support.requests import cloud_event, record_request

Json = dict[str, Any]

PATIENTS: Final = 400
"""People without a record, who have appointments; half of them at each of two practices."""
_RECORD: Final = "typical_size"
_DOCUMENTS: Final = "documents_sizes"
_LARGE: Final = 1_000_000
_LONGEST: Final = 300.0
SANDBOX: Final[Mapping[str, object]] = {"strict": False, "keep_calls": False, "patients": PATIENTS}
"""Options of the sandbox that answers."""
WORKER: Final[Mapping[str, str]] = {"BRIDGE_PDS_RATE_PER_SECOND": "100000", "BRIDGE_LOG_LEVEL": "warning"}
"""Settings of a worker that no limit holds up."""


class UnexpectedEndError(AssertionError):
    """A request that should have been answered was not."""


@dataclass(slots=True)
class Spent:
    """What the hospital's side of the bus saw of the requests of one kind.

    Attributes:
        requests: how many.
        events: that told of them.
        bytes_in: of their bodies.
        bytes_out: of the bodies of the events.
        seconds: of each, from sending to the last event.
    """

    requests: int = 0
    events: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    seconds: list[float] = field(default_factory=list)


class Ward:
    """Sends requests, waits for what ends them, and remembers nothing but sums."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._told: dict[str, list[tuple[str, int, Json]]] = {}
        self.spent: dict[str, Spent] = {}

    async def read(self, events: AsyncIterator[Delivery]) -> None:
        """Take what is published, until cancelled."""
        async for delivery in events:
            about = delivery.correlation_id or ""
            if about not in self._waiting:
                continue  # told once more after its end
            event: Json = orjson.loads(delivery.body)
            self._told[about].append((delivery.key, len(delivery.body), event))
            number, _, total = event.get("sequence", "1/1").partition("/")
            if number == total and not self._waiting[about].done():
                self._waiting[about].set_result(None)

    async def ask(self, name: str, message: Json, *, ends: str) -> Json:
        """The data of the event that ends a request, whose sums are kept under a name.

        Raises:
            UnexpectedEndError: another one did.
        """
        kind, body, identity = routing_key(message), orjson.dumps(message), message["id"]
        self._waiting[identity] = asyncio.get_running_loop().create_future()
        self._told[identity] = []
        sent = time.monotonic()
        await self._bus.send(
            kind, body, id=identity, content_type="application/cloudevents+json", correlation_id=identity
        )
        await asyncio.wait_for(self._waiting[identity], _LONGEST)
        took = time.monotonic() - sent
        del self._waiting[identity]
        told = self._told.pop(identity)
        found = {key: event["data"] for key, _, event in told}
        if ends not in found:
            raise UnexpectedEndError(
                f"{kind}: {sorted(found)}, and not {ends}: {found.get('request.failed.v1')}"
            )
        spent = self.spent.setdefault(name, Spent())
        spent.requests += 1
        spent.events += len(told)
        spent.bytes_in += len(body)
        spent.bytes_out += sum(size for _, size, _ in told)
        spent.seconds.append(took)
        data: Json = found[ends]
        return data


def _number(scenario: str) -> str:
    return BY_NAME[scenario].nhs_number


def record() -> Json:
    """Medications and allergies of a usual patient."""
    return cloud_event(record_request(_number(_RECORD)))


def whole_record() -> Json:
    """Every area of the same one."""
    return cloud_event(record_request(_number(_RECORD), areas=EVERY_AREA))


def care_record() -> Json:
    """Four sections, as a site asks for."""
    return example("care_record.requested", patient={"nhs_number": _number(_RECORD)})


def _plain(kind: str, scenario: str, **asked: Any) -> Json:
    data = record_request(_number(scenario), **asked)
    del data["areas"]
    return cloud_event(data, type=f"uk.nhs.gpconnect.{kind}")


def _fetched(found: Json) -> Json:
    """The largest document below a megabyte of those that were found."""
    held = [each for each in found["documents"] if "location" in each]
    chosen = max((each for each in held if each["size_bytes"] < _LARGE), key=lambda each: each["size_bytes"])
    names = ("location", "size_bytes", "content_type", "not_for_patient", "security_labels", "business_ids")
    asked = {name: chosen[name] for name in names if name in chosen}
    return _plain("document.requested.v1", _DOCUMENTS, **asked)


@dataclass(frozen=True, slots=True)
class Visit:
    """What a request is about.

    Attributes:
        nhs_number: of somebody who may have an appointment.
        ahead: days from today of that.
        found: what requests before it in the same chain came to, by kind.
    """

    nhs_number: str
    ahead: int
    found: dict[str, Json] = field(default_factory=dict)

    @property
    def patient(self) -> Json:
        return {"nhs_number": self.nhs_number}

    @property
    def days(self) -> Json:
        return {"start": day(self.ahead), "end": day(self.ahead)}

    def offers(self, count: int) -> list[list[Json]]:
        """Choices of one free slot each."""
        return [[each["offer"]] for each in self.found["slots"]["found"]["slots"][:count]]

    def appointment(self, of: str) -> Json:
        return ref_of(self.found[of]["appointment"])


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of request: how one is made, and which event ends it well."""

    name: str
    make: Callable[[Visit], Json]
    ends: str

    async def ask(self, ward: Ward, visit: Visit) -> None:
        """Send one and wait for its end."""
        visit.found[self.name] = await ward.ask(self.name, self.make(visit), ends=self.ends)


Chain = tuple[Kind, ...]
"""Requests that follow from one another."""

CHAINS: Final[Mapping[str, Chain]] = {
    "record": (Kind("record", lambda _: record(), "record.completed.v1"),),
    "whole record": (Kind("whole record", lambda _: whole_record(), "record.completed.v1"),),
    "care record": (Kind("care record", lambda _: care_record(), "care_record.completed.v1"),),
    "patient": (
        Kind(
            "patient",
            lambda visit: example("patient.find.requested", patient=visit.patient),
            "patient.found.v1",
        ),
    ),
    "document": (
        Kind("documents", lambda _: _plain("documents.requested.v1", _DOCUMENTS), "documents.found.v1"),
        Kind("document", lambda visit: _fetched(visit.found["documents"]), "document.retrieved.v1"),
    ),
    "appointment": (
        Kind(
            "slots",
            lambda visit: example("slots.requested", patient=visit.patient, **visit.days),
            "slots.found.v1",
        ),
        Kind(
            "booking",
            lambda visit: example("appointment.requested", patient=visit.patient, choices=visit.offers(5)),
            "appointment.booked.v1",
        ),
        Kind(
            "amendment",
            lambda visit: example(
                "appointment.amend.requested", patient=visit.patient, appointment=visit.appointment("booking")
            ),
            "appointment.amended.v1",
        ),
        Kind(
            "appointments",
            lambda visit: example("appointments.requested", patient=visit.patient, **visit.days),
            "appointments.found.v1",
        ),
        Kind(
            "cancellation",
            lambda visit: example(
                "appointment.cancel.requested",
                patient=visit.patient,
                appointment=visit.appointment("amendment"),
            ),
            "appointment.cancelled.v1",
        ),
    ),
}
"""What is asked, by the first of it. A cancelled appointment leaves its slot free for the next."""


def people() -> list[str]:
    """NHS numbers of those who have appointments."""
    return [one.nhs_number for one in islice(crowd((MAIN.ods, OLDER.ods)), PATIENTS)]


@asynccontextmanager
async def ward_on(bus: Bus, prefix: str) -> AsyncIterator[Ward]:
    """The hospital's side of a bus, with every queue declared."""
    for pipeline in installed_pipelines():
        await bus.declare(pipeline.queue(prefix))
    async with bus.listen() as events:
        opened = Ward(bus)
        reading = asyncio.create_task(opened.read(events))
        try:
            yield opened
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
