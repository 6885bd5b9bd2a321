"""Runs the product against the simulator, request by request, and keeps what was sent, called, answered and published."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from bridge.ledger import request_key
from bridge.pipelines.events import APPOINTMENT_AMENDED, APPOINTMENT_BOOKED, DOCUMENTS_FOUND, SLOTS_FOUND
from bridge.sandbox import HOSPITAL, MAIN, SCENARIOS, Call, SandboxOptions
from bridge.sandbox.world import Consumer
from bridge.testing import Published, Result, Site, site
from bridge.testing.site import SOURCE
from pipelines.appointments.pipeline import appointments
from pipelines.care_record import care_record
from pipelines.documents import documents
from pipelines.patients import patients
from pipelines.structured_record import structured_record
from tests.support.documents import as_asked, claims_settings

Json = dict[str, Any]

AREAS: Final[Json] = {
    "medications": {},
    "allergies": {},
    "immunisations": {},
    "problems": {},
    "observations": {},
    "investigations": {},
    "referrals": {},
    "diary_entries": {},
    "documents": {},
}
SECTIONS: Final = ("SUM", "ALL", "MED")
OF_ACCESS_HTML: Final = ("rich_record", "superseded", "restricted", "not_at_practice", "html_")
OF_DOCUMENTS: Final = ("documents", "restricted")
OF_APPOINTMENTS: Final = ("has_appointments", "registered_elsewhere", "restricted", "no_diary")
QUICK: Final[Mapping[str, str]] = {"BRIDGE_RETRY_ATTEMPTS": "3", "BRIDGE_SPINE_READ_TIMEOUT": "3"}
"""Nobody waits for a practice that says nothing as long as in live."""


@dataclass(frozen=True, slots=True)
class SentRequest:
    """A request to make: to which queue, as which operation, with what."""

    pipeline: Any
    accepts: str
    data: Json


@dataclass(frozen=True, slots=True)
class StepRun:
    """One request, from its message to its end.

    Attributes:
        key: of the request in the ledger.
        title: what was done, in words.
        scenario: name of the simulator's patient.
        request: the message's type and data.
        outcome: how it ended.
        calls: what the simulator saw of it, in order.
        events: what was published of it, in order.
    """

    key: str
    title: str
    scenario: str
    request: SentRequest
    outcome: str
    calls: tuple[Call, ...]
    events: tuple[Published, ...]

    def event(self, kind: str) -> Json:
        """The data of its event of this kind.

        Raises:
            LookupError: there is none.
        """
        for event in self.events:
            if event.kind == kind:
                return event.data
        raise LookupError(f"{self.title}: no event {kind}; it ended as {self.outcome}")


def asked_by(*, role: str, consumer: Consumer = HOSPITAL) -> Json:
    """A user who is made up."""
    return {
        "user_id": "u-481",
        "family_name": "Example",
        "given_names": ["Alex"],
        "role": role,
        "organisation": {"ods_code": consumer.ods, "name": consumer.name},
    }


class Simulation:
    """One installation that makes requests one after the other, so that it is plain which calls are whose."""

    def __init__(self, here: Site) -> None:
        self.here = here

    async def step(
        self, title: str, scenario: str, pipeline: Any, accepts: str, *, role: str = "Clinician", **data: Any
    ) -> StepRun:
        """Make one request about a patient and wait for its end."""
        number = next(one.nhs_number for one in SCENARIOS if one.name == scenario)
        consumer = data.pop("consumer", HOSPITAL)
        whole = {
            "patient": {"nhs_number": number},
            "requested_by": asked_by(role=role, consumer=consumer),
            "purpose": "direct_care",
            "encounter_id": f"encounter-{scenario}",
            **data,
        }
        before = len(self.here.sandbox.calls)
        result = await self.here.finish(await self.here.run(pipeline, whole, accepts=accepts))
        return StepRun(
            request_key(SOURCE, result.delivery.id),
            title,
            scenario,
            SentRequest(pipeline, accepts, whole),
            result.outcome,
            tuple(self.here.sandbox.calls)[before:],
            tuple(_without_repeats(result)),
        )

    async def record(self, scenario: str, **data: Any) -> StepRun:
        """The structured record."""
        title = data.pop("title", "The structured record is asked for")
        data.setdefault("areas", {"medications": {}, "allergies": {}})
        return await self.step(title, scenario, structured_record, "record.requested.v1", **data)

    async def sections(self, scenario: str, *names: str, **data: Any) -> StepRun:
        """Sections of the record as HTML."""
        title = data.pop("title", "Sections of the record are asked for as HTML")
        wanted: Json = {name: {} for name in names}
        return await self.step(
            title, scenario, care_record, "care_record.requested.v1", sections=wanted, **data
        )

    async def documents(self, scenario: str, **data: Any) -> StepRun:
        """The list of documents."""
        title = data.pop("title", "The patient's documents are looked for")
        return await self.step(title, scenario, documents, "documents.requested.v1", **data)

    async def document(self, scenario: str, found: Json, **data: Any) -> StepRun:
        """One document."""
        title = data.pop("title", "A document is fetched")
        return await self.step(
            title, scenario, documents, "document.requested.v1", **{**as_asked(found), **data}
        )

    async def slots(self, scenario: str, **data: Any) -> StepRun:
        """Free slots of the next days."""
        title = data.pop("title", "Free slots are looked for")
        first = today() + timedelta(days=1)
        data = {"start": str(first), "end": str(first + timedelta(days=9)), **data}
        return await self.step(title, scenario, appointments, "slots.requested.v1", **data)

    async def book(self, scenario: str, found: StepRun, **data: Any) -> StepRun:
        """The first slot of those that were found."""
        title = data.pop("title", "The first of these is booked")
        offer = found.event(SLOTS_FOUND)["found"]["slots"][0]["offer"]
        data = {
            "choices": [[offer]],
            "description": "Wound check",
            "organisation_phone": "01130000000",
            **data,
        }
        return await self.step(title, scenario, appointments, "appointment.requested.v1", **data)

    async def amend(self, scenario: str, appointment: Json, **data: Any) -> StepRun:
        """Other words for an appointment."""
        title = data.pop("title", "Its description is changed")
        data = {"appointment": reference(appointment), "description": "Wound check, with interpreter", **data}
        return await self.step(title, scenario, appointments, "appointment.amend.requested.v1", **data)

    async def cancel(self, scenario: str, appointment: Json, **data: Any) -> StepRun:
        """It is cancelled."""
        title = data.pop("title", "It is cancelled")
        data = {"appointment": reference(appointment), "reason": "Not needed any more", **data}
        return await self.step(title, scenario, appointments, "appointment.cancel.requested.v1", **data)

    async def appointments(self, scenario: str, **data: Any) -> StepRun:
        """Those that lie ahead."""
        title = data.pop("title", "The appointments that lie ahead are looked for")
        data = {"start": str(today()), "end": str(today() + timedelta(days=40)), **data}
        return await self.step(title, scenario, appointments, "appointments.requested.v1", **data)

    async def find(self, scenario: str, **data: Any) -> StepRun:
        """The patient at a practice."""
        title = data.pop("title", "The patient is looked for at the practice")
        return await self.step(title, scenario, patients, "patient.find.requested.v1", **data)

    async def register(self, scenario: str, practice_ods: str, **data: Any) -> StepRun:
        """A temporary registration."""
        title = data.pop("title", "The patient is registered at the practice for a while")
        return await self.step(
            title, scenario, patients, "patient.register.requested.v1", practice_ods_code=practice_ods, **data
        )


def today() -> date:
    """The simulator's practices have books from today on."""
    return datetime.now(UTC).date()


def reference(appointment: Json) -> Json:
    """How a request names an appointment that an event told of."""
    names = ("practice_ods_code", "appointment_id", "start", "version_id")
    return {name: appointment[name] for name in names if appointment.get(name) is not None}


def _without_repeats(result: Result) -> list[Published]:
    seen: dict[str, Published] = {}
    for event in result.events:
        seen.setdefault(str(event.attributes["id"]), event)
    return list(seen.values())


@asynccontextmanager
async def installation(folder: Path, settings: Mapping[str, str] | None = None) -> AsyncIterator[Simulation]:
    """One that keeps every call."""
    folder.mkdir(exist_ok=True)
    options = SandboxOptions(keep_exchanges=True)
    async with site({**QUICK, **(settings or {})}, sandbox=options) as here:
        yield Simulation(here)


def archive(folder: Path) -> dict[str, str]:
    """Settings of an installation that fetches documents: it has one pipeline alone, and an endpoint for them."""
    folder.mkdir(exist_ok=True)
    return claims_settings(folder)[0]


async def all_scenarios(run: Simulation, documents: Simulation) -> tuple[StepRun, ...]:
    """Every patient of the simulator, each with what it is there for; `documents`: an installation of an `archive`."""
    steps: list[StepRun] = []
    for scenario in SCENARIOS:
        name = scenario.name
        steps.append(await run.record(name, **({"areas": AREAS} if name == "whole_record" else {})))
        if name.startswith(OF_ACCESS_HTML):
            steps.append(await run.sections(name, *SECTIONS))
        if name.startswith(OF_DOCUMENTS):
            steps.append(found := await documents.documents(name))
            if found.outcome == "completed":
                listed = found.event(DOCUMENTS_FOUND)["documents"]
                steps += [await documents.document(name, one) for one in listed[:1] if one.get("location")]
        if name in OF_APPOINTMENTS:
            steps += await _appointments(run, name)
    steps.append(await run.register("registered_elsewhere", MAIN.ods))
    return tuple(steps)


async def _appointments(run: Simulation, name: str) -> list[StepRun]:
    steps = [await run.find(name), await run.appointments(name)]
    steps.append(found := await run.slots(name, organisation_type="urgent-care"))
    if found.outcome != "completed":
        return steps
    steps.append(booked := await run.book(name, found, comment="Rings from a mobile"))
    if booked.outcome == "completed":
        appointment = booked.event(APPOINTMENT_BOOKED)["appointment"]
        steps.append(amended := await run.amend(name, appointment))
        appointment = amended.event(APPOINTMENT_AMENDED)["appointment"]
        steps.append(await run.cancel(name, appointment))
    return steps
