"""The part of ``bridge demo`` that books: the answer to a booking is lost, and the booking is settled."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import orjson
from rich.console import Console
from rich.table import Table

from bridge.bus.port import Delivery, Transport
from bridge.cli.tables import aligned, titled
from bridge.contracts.appointment_events import APPOINTMENT_BOOKED, SLOTS_FOUND
from bridge.contracts.envelope import STRUCTURED
from bridge.sandbox import BY_NAME, MAIN, Call, FaultKind, InjectedFault, RunningSandbox

_PATIENT: Final = "no_known_allergies"
_TIMEOUT: Final = 60.0
_CALLS: Final = {
    "fhir:rest:search:patient-1": "find the patient",
    "fhir:rest:create:appointment-1": "book",
    "fhir:rest:search:patient_appointments-1": "has this patient such an appointment?",
    "fhir:rest:read:location-1": "read the place",
    "fhir:rest:read:practitioner-1": "read the clinician",
}

Json = dict[str, Any]


async def show_booking(
    console: Console, bus: Transport, events: AsyncIterator[Delivery], sandbox: RunningSandbox
) -> bool:
    """Book a slot while the practice loses its answer; whether it ended with exactly one appointment."""
    patient = BY_NAME[_PATIENT].nhs_number
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    window = {"start": tomorrow.isoformat(), "end": (tomorrow + timedelta(days=7)).isoformat()}
    kind, slots = await _ask(bus, events, "slots.requested.v1", patient, window)
    if kind != SLOTS_FOUND:
        return False
    slot, *_ = slots["found"]["slots"]
    sandbox.fault(patient, InjectedFault(FaultKind.DROP, on=("book",), times=1))
    before = len(sandbox.calls)
    kind, outcome = await _ask(
        bus,
        events,
        "appointment.requested.v1",
        patient,
        {
            "choices": [[slot["offer"]]],
            "description": "Follow-up after discharge",
            "organisation_phone": "0113 496 0000",
        },
    )
    held = [one for one in sandbox.diary(MAIN.ods).appointments() if one.nhs_number == patient]
    console.print(_calls(list(sandbox.calls)[before:]))
    made = sum(change.action == "booked" for one in held for change in one.history)
    said = [f"{kind}; in the practice's own book: {len(held)} appointment, made {made} time"]
    if kind == APPOINTMENT_BOOKED:
        said.append(_in_words(outcome["appointment"]))
    console.print(aligned([(line,) for line in said], widths=()))
    return kind == APPOINTMENT_BOOKED and len(held) == 1


async def _ask(
    bus: Transport, events: AsyncIterator[Delivery], key: str, nhs_number: str, asked: Json
) -> tuple[str, Json]:
    """Send a request; kind and data of the event that ends it."""
    request_id = str(uuid4())
    data = {
        "patient": {"nhs_number": nhs_number},
        **asked,
        "requested_by": {
            "user_id": "u-512",
            "family_name": "Okoro",
            "given_names": ["Grace"],
            "role": "Discharge coordinator",
            "organisation": {"ods_code": "RZZ01", "name": "Sandbox General Hospital"},
        },
        "purpose": "direct_care",
    }
    event = {
        "specversion": "1.0",
        "id": request_id,
        "source": "/demo/discharge",
        "type": f"uk.nhs.gpconnect.{key}",
        "data": data,
    }
    await bus.send(key, orjson.dumps(event), id=request_id, content_type=STRUCTURED)
    async with asyncio.timeout(_TIMEOUT):
        async for delivery in events:
            if delivery.correlation_id == request_id:
                return delivery.key, orjson.loads(delivery.body)["data"]
    raise AssertionError("a bus that listens never ends")


def _calls(calls: list[Call]) -> Table:
    table = titled("A booking whose answer was lost: what the practice was asked", ("call", "answer"))
    for call in calls:
        if call.upstream == "practice":
            name = (call.interaction or "").removeprefix("urn:nhs:names:services:gpconnect:")
            lost = "done, and the connection was cut before the answer" if call.fault else str(call.status)
            table.add_row(_CALLS.get(name, name), lost)
    return table


def _in_words(appointment: Json) -> str:
    when = datetime.fromisoformat(appointment["start"]).strftime("%A %d %B, %H:%M")
    place, clinician = appointment["location"].get("name"), appointment.get("practitioner", {}).get("name")
    return " · ".join(str(part) for part in (when, place, clinician, appointment.get("service_type")) if part)
