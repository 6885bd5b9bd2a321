"""Writes an example of each event, out of what the engine publishes for requests in the sandbox.

``python -m tests.site.record_examples`` writes them anew. They are kept, so that the site is made without
running anything, and a test holds each to the schema of its kind.
"""

import asyncio
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bridge.pipelines import Pipeline
from bridge.pipelines.installed import installed_pipelines
from bridge.sandbox import BY_NAME, OLDER, FaultKind, InjectedFault
from bridge.testing import Site, site
from tests.site.messages import document, kind_of
from tests.site.sources import HERE
from tests.support.documents import as_asked, claims_settings
from tests.support.reception import day, example, ref_of

FOLDER: Final = HERE / "examples"
WHOLE, PATIENT = "whole_record", "rich_record"
AREAS: Final = (
    "medications",
    "allergies",
    "problems",
    "consultations",
    "immunisations",
    "observations",
    "investigations",
    "referrals",
    "diary_entries",
)
_LONG, _LEFT = 12, 3

Json = dict[str, Any]


class _Ward:
    """Asks, and keeps the shortest event of each kind: it shows the fields without many items."""

    def __init__(self, site_: Site, events: dict[str, Json]) -> None:
        self._site = site_
        self._pipelines: dict[str, Pipeline] = {
            operation.accepts: pipeline
            for pipeline in installed_pipelines()
            for operation in pipeline.operations
        }
        self.events = events

    async def ask(self, name: str, scenario: str | None = None, **changes: Any) -> Json:
        """Ask with an example of a request; the data of the last event."""
        message = example(name, **changes)
        if scenario is not None:
            message["data"]["patient"] = {"nhs_number": BY_NAME[scenario].nhs_number}
        kind = kind_of(message)
        result = await self._site.run(self._pipelines[kind], message["data"], accepts=kind, id=message["id"])
        if result.outcome == "retrying":
            self.fault(scenario or PATIENT, FaultKind.STATUS, status=503)  # so that nobody can find out
            result = await self._site.finish(result)
            self._site.sandbox.clear_faults(BY_NAME[scenario or PATIENT].nhs_number)
        made = [_shortened(json.loads(event.body)) for event in result.events]
        self.keep(made)
        data: Json = made[-1].get("data", {})
        return data

    def keep(self, made: Sequence[Json]) -> None:
        for event in made:
            kind = kind_of(event)
            if kind not in self.events or len(json.dumps(event)) < len(json.dumps(self.events[kind])):
                self.events[kind] = event

    def fault(self, scenario: str, kind: FaultKind, **how: Any) -> None:
        self._site.fault(scenario, InjectedFault(kind, **how))


def _shortened(value: Any) -> Any:
    """The same without most of a long list: an example is to be read."""
    if isinstance(value, dict):
        return {name: _shortened(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_shortened(each) for each in (value[:_LEFT] if len(value) > _LONG else value)]
    return value


async def _records(ward: _Ward) -> None:
    areas: dict[str, Json] = {area: {} for area in AREAS}
    await ward.ask("record.requested", WHOLE, areas=areas, renderings=["r4", "hl7v2", "changes"])
    await ward.ask("record.requested", "not_at_practice")
    await ward.ask("record.requested", purpose="research")
    await ward.ask("care_record.requested", PATIENT)


async def _documents(ward: _Ward) -> None:
    found = await ward.ask("documents.requested", "documents")
    await ward.ask("document.requested", "documents", **as_asked(found["documents"][0]))


async def _appointments(ward: _Ward) -> None:
    async def offers() -> list[Json]:
        found = await ward.ask("slots.requested", PATIENT, start=day(1), end=day(13))
        return [slot["offer"] for slot in found["found"]["slots"]]

    first, second, third, *_ = await offers()
    booked = await ward.ask("appointment.requested", PATIENT, choices=[[first]])
    await ward.ask("appointment.requested", PATIENT, choices=[[first]])
    amended = await ward.ask(
        "appointment.amend.requested", PATIENT, appointment=ref_of(booked["appointment"])
    )
    moved = await ward.ask(
        "appointment.reschedule.requested",
        PATIENT,
        appointment=ref_of(amended["appointment"]),
        choices=[[second]],
    )
    await ward.ask("appointments.requested", PATIENT, start=day(0), end=day(14))
    await ward.ask("appointment.cancel.requested", PATIENT, appointment=ref_of(moved["booked"]))
    await ward.ask("patient.find.requested", PATIENT)
    await ward.ask("patient.find.requested", PATIENT, practice_ods_code=OLDER.ods)
    await ward.ask("patient.register.requested")
    await ward.ask("patient.register.requested", "untraced_other")
    ward.fault(PATIENT, FaultKind.LOST, status=504, times=1, on=("book",))
    await ward.ask("appointment.requested", PATIENT, choices=[[third]])
    ward.fault("registered_elsewhere", FaultKind.LOST, status=504, times=1, on=("register_patient",))
    await ward.ask("patient.register.requested", "registered_elsewhere")


async def made(folder: Path) -> dict[str, Json]:
    """An event of each kind, in its envelope.

    Raises:
        LookupError: of some kind there is none.
    """
    events: dict[str, Json] = {}
    claims, _ = claims_settings(folder)
    # An installation for each: every worker that is told to serves claim checks, on one port.
    for settings, asked in (
        ({}, _records),
        (claims, _documents),
        ({"BRIDGE_RETRY_ATTEMPTS": "1"}, _appointments),
    ):
        async with site(settings) as running:
            await asked(_Ward(running, events))
    wanted = {
        operation["channel"]["$ref"].rpartition("/")[2]
        for operation in document()["operations"].values()
        if operation["action"] == "send"
    }
    if lacking := sorted(wanted - events.keys()):
        raise LookupError(f"no event of {', '.join(lacking)}")
    return events


def main() -> None:
    with TemporaryDirectory() as folder:
        events = asyncio.run(made(Path(folder)))
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    for kind, event in sorted(events.items()):
        text = json.dumps(event, indent=2, ensure_ascii=False)
        (FOLDER / f"{kind}.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
