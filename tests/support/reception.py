"""The hospital's discharge desk: asks for slots and appointments by message, and reads what comes of it.

It writes the messages of `pipelines/examples`, with the patients, days and ids of the test put in.
"""

import asyncio
import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from bridge.engine.patient_keys import PatientKeys
from bridge.gpconnect.offers import Offers
from bridge.record.appointments import Offer
from bridge.settings import Settings
from tests.support.hospital import FINAL_WAIT, AnyHospital
from tests.support.published import check

Json = dict[str, Any]
EXAMPLES = Path(__file__).parents[2] / "pipelines" / "examples"
IN_DOUBT = {"appointment.in_doubt.v1", "registration.in_doubt.v1"}


def example(name: str, **changes: Any) -> Json:
    """A message as a TIE would send it, under an id of its own; `changes` replace fields of its data."""
    message: Json = json.loads((EXAMPLES / f"{name}.json").read_text())
    message["id"] = str(uuid4())
    message["data"] |= copy.deepcopy(changes)
    return message


def routing_key(message: Json) -> str:
    return str(message["type"]).removeprefix("uk.nhs.gpconnect.")


def day(ahead: int) -> str:
    return (datetime.now(UTC) + timedelta(days=ahead)).date().isoformat()


def ref_of(appointment: Json, **changes: Any) -> Json:
    """How a later request names an appointment of an event."""
    names = ("practice_ods_code", "appointment_id", "start", "version_id")
    return {name: appointment[name] for name in names} | changes


def sealed(
    settings: Settings, offer: Json, nhs_number: str, *, valid_for: float = 3600, **changes: Any
) -> Json:
    """An offer with `changes`, or for another patient, signed as if the installation had given it out so."""
    given: Json = {name: offer[name] for name in offer if name not in ("expires_at", "signature")} | changes
    site_key = settings.patient_key or ""
    Offers(site_key, valid_for=timedelta(seconds=valid_for)).sign(
        [cast("Offer", given)], patient_key=PatientKeys(site_key).of(nhs_number), found_at=datetime.now(UTC)
    )
    return given


def pairs(slots: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Every two offers that make one appointment; there may be none when much is booked."""
    offers = [slot["offer"] for slot in slots]
    by_schedule = sorted(offers, key=lambda offer: (offer["schedule_id"], offer["start"]))
    alike = ("schedule_id", "delivery_channel", "service_type")
    for one, other in pairwise(by_schedule):
        if one["end"] == other["start"] and all(one[name] == other[name] for name in alike):
            yield one, other


def adjacent(slots: list[Json]) -> tuple[Json, Json]:
    """Two offers that make one appointment."""
    for pair in pairs(slots):
        return pair
    raise AssertionError("no two slots follow each other")


class Reception:
    """Sends requests on a hospital's bus, one or many."""

    def __init__(self, hospital: AnyHospital, *, patience: float | None = FINAL_WAIT) -> None:
        self.hospital = hospital
        self._patience = patience

    async def send(self, message: Json) -> str:
        """Put a message on the bus; its correlation id."""
        return await self.hospital.ask(message, key=routing_key(message))

    async def ask(self, name: str, **changes: Any) -> tuple[str, Json]:
        """Send an example with changes; kind and data of the one event that ends it."""
        return await self.outcome(await self.send(example(name, **changes)))

    async def outcome(self, correlation_id: str) -> tuple[str, Json]:
        """Kind and data of the event that ends a request: one of doubt does not."""

        def ends() -> list[tuple[str, Json]]:
            events = self.hospital.events(correlation_id)
            return [(kind, event["data"]) for kind, event in events if kind not in IN_DOUBT]

        async with asyncio.timeout(self._patience), self.hospital.changed:
            await self.hospital.changed.wait_for(ends)
        for kind, event in self.hospital.events(correlation_id):
            check(kind, event["data"])
        return ends()[0]

    async def free_slots(self, nhs_number: str, first: int = 1, last: int = 13, **changes: Any) -> list[Json]:
        """The slots of the patient's practice, by days from today."""
        kind, data = await self.ask(
            "slots.requested", patient={"nhs_number": nhs_number}, start=day(first), end=day(last), **changes
        )
        assert kind == "slots.found.v1", data
        slots: list[Json] = data["found"]["slots"]
        return slots

    async def book(self, nhs_number: str, *offers: Json, **changes: Any) -> tuple[str, Json]:
        """Book these slots as one appointment."""
        return await self.ask(
            "appointment.requested", patient={"nhs_number": nhs_number}, choices=[list(offers)], **changes
        )

    async def booked(self, nhs_number: str, *offers: Json, **changes: Any) -> Json:
        """Book, and get what was booked."""
        kind, data = await self.book(nhs_number, *offers, **changes)
        assert kind == "appointment.booked.v1", data
        appointment: Json = data["appointment"]
        return appointment
