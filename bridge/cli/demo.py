"""``bridge demo``: the whole story on one machine in a few seconds.

It is a show and no operation: it starts a sandbox, of which operations know nothing, to be watched.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from uuid import uuid4

import orjson
import typer
from rich.console import Console
from rich.table import Table

from bridge.areas.allergies.events import ALLERGIES_PUBLISHED
from bridge.areas.events import RECORD_COMPLETED
from bridge.areas.medications.events import MEDICATIONS_PUBLISHED
from bridge.areas.table import AREAS
from bridge.bus import open_bus
from bridge.bus.port import Delivery, Transport
from bridge.cli.console import demand_extra
from bridge.cli.demo_booking import show_booking
from bridge.cli.demo_forms import WANTED, forms_table
from bridge.cli.demo_record import PATIENT as WHOLE_RECORD
from bridge.cli.demo_record import record_tables
from bridge.cli.exits import Exit
from bridge.cli.tables import aligned, titled
from bridge.contracts.care_record_events import CARE_RECORD_COMPLETED, CARE_RECORD_SECTION
from bridge.contracts.envelope import STRUCTURED
from bridge.contracts.events import REQUEST_FAILED, REQUEST_REJECTED
from bridge.engine.worker import consuming
from bridge.observe import configure_logging
from bridge.pipelines.installed import installed_pipelines
from bridge.sandbox import BY_NAME, SandboxOptions, running
from bridge.settings import Settings
from bridge.values import dataclass

_KEY = "record.requested.v1"
_AREAS: Final[Mapping[str, Any]] = MappingProxyType({"areas": {"medications": {}, "allergies": {}}})
_THREE_FORMS: Final[Mapping[str, Any]] = MappingProxyType({**_AREAS, "renderings": WANTED})
_EVERY_AREA: Final[Mapping[str, Any]] = MappingProxyType(
    {"areas": {area.name: {} for area in AREAS.areas if area.options is not None}}
)
_CARE_RECORD_KEY = "care_record.requested.v1"
_PIPELINES = ("structured_record", "care_record", "appointments")
_SHOWN = "rich_record"
_PATIENTS = (
    _SHOWN,
    "no_known_allergies",
    "empty_record",
    "withheld_items",
    "unsupported_area",
    "rate_limited_once",
    "restricted",
    "empty_object",
)
_TIMEOUT = 60.0
_NEXT = (
    ("make test", "every test, on a real RabbitMQ and a real NATS"),
    ("bridge demo --console", "the same, with the console for operators to look at it"),
    ("bridge sandbox", "these patients and more, for requests of your own (README.md)"),
    ("bridge map FILE", "what the engine makes of a bundle"),
    ("bridge render FILE --as hl7v2", "the same for an interface engine; --as r4 for an EPR"),
    ("bridge check FILE", "what is odd about it"),
    ("bridge preview FILE", "events of a record as one page to look at"),
    ("bridge schemas DIR", "the messages, for your own systems"),
    ("bridge asyncapi", "the same as an AsyncAPI document"),
)


class _Published(NamedTuple):
    """An event as it came: its routing key, and the envelope with its data."""

    key: str
    event: dict[str, Any]


@dataclass(slots=True)
class _Sent:
    """One request of the demo and what came of it."""

    name: str
    reason: str
    expected_failure: bool
    sent_at: float
    events: list[_Published] = field(default_factory=list)
    took: float = 0.0

    @property
    def is_over(self) -> bool:
        return bool(self.took)

    def add(self, delivery: Delivery) -> None:
        event = orjson.loads(delivery.body)
        self.events.append(_Published(delivery.key, event))
        # Further forms have no number: the events are counted.
        number, _, total = event.get("sequence", "").partition("/")
        if total and number == total:
            self.took = time.perf_counter() - self.sent_at

    @property
    def last(self) -> _Published:
        """What came last, of a request of which something came."""
        *_, last = self.events
        return last

    @property
    def outcome(self) -> str:
        key, event = self.last
        if key == REQUEST_FAILED:
            return f"[yellow]failed[/yellow]: {event['data']['code']}"
        if key == REQUEST_REJECTED:
            fault, *_ = event["data"]["faults"]
            return f"[yellow]rejected[/yellow]: {fault['field']}"
        return f"[green]completed[/green]: {self._answer()}"

    def _answer(self) -> str:
        parts = {key: event["data"] for key, event in self.events if "sequence" in event}
        if CARE_RECORD_COMPLETED in parts:
            published = parts[CARE_RECORD_COMPLETED]["published"]
            return ", ".join(f"{section['title']} ({section['state']})" for section in published)
        medications = parts.pop(MEDICATIONS_PUBLISHED)["area"]
        allergies = parts.pop(ALLERGIES_PUBLISHED)
        areas = [each["area"] for each in parts.values() if "area" in each]
        return ", ".join(
            [
                f"medications {_said(medications)}",
                f"allergies {allergies['allergy_statement']}",
                *(f"{area['area'].replace('_', ' ')} {_said(area)}" for area in areas),
            ]
        )


def _said(area: Mapping[str, Any]) -> str:
    if area["outcome"] == "not_requested":
        return f"{area['linked']} that came along"
    text = f"{area['mapped']} items" if area["outcome"] == "items" else str(area["outcome"])
    return text if area["complete"] else f"{text} (incomplete)"


def demo(*, with_console: bool) -> None:
    """Show the story, and end with whether it went as meant.

    Args:
        with_console: whether the console is served afterwards, over what is there then.
    """
    if with_console:
        demand_extra()
    console = Console()
    with TemporaryDirectory(prefix="bridge-demo-") as folder:
        log_file = Path(folder) / "demo.log"
        with log_file.open("w", encoding="utf-8") as stream:
            configure_logging("info", "json", stream)
            sent, is_booked = asyncio.run(_story(console, Path(folder), with_console=with_console))
    as_meant = is_booked and all(
        request.is_over and _failed(request) == request.expected_failure for request in sent
    )
    raise typer.Exit(Exit.OK if as_meant else Exit.NO)


def _failed(request: _Sent) -> bool:
    return request.last.key in {REQUEST_FAILED, REQUEST_REJECTED}


async def _story(console: Console, folder: Path, *, with_console: bool) -> tuple[list[_Sent], bool]:
    started = time.perf_counter()
    async with AsyncExitStack() as stack:
        with console.status("starting PDS, SDS, the Spine proxy and a GP practice"):
            sandbox = await stack.enter_async_context(running(SandboxOptions(state_dir=folder)))
            os.environ.update(sandbox.environment)
            os.environ.update(
                BRIDGE_STATE_DIR=str(folder),
                BRIDGE_RETRY_FIRST_DELAY="1",
                BRIDGE_RETRY_SETTLE_AFTER="1",
                BRIDGE_PDS_RATE_PER_SECOND="50",
            )
            for name in ("BRIDGE_BUS_URL", "BRIDGE_BUS_DECLARE"):
                os.environ.pop(name, None)
            settings = Settings.load()
        with console.status("starting the embedded bus and a worker"):
            bus = await stack.enter_async_context(open_bus(settings))
            await stack.enter_async_context(consuming(settings, installed_pipelines(_PIPELINES), bus))
            events = await stack.enter_async_context(bus.listen())
        console.print(f"Sandbox, bus and worker are up after {time.perf_counter() - started:.1f} s.\n")
        sent = await _send_all(bus)
        await _follow(console, events, sent)
        is_booked = await show_booking(console, bus, events, sandbox)
        _summarise(console, list(sent.values()))
        if with_console:
            from bridge.cli.demo_console import show_console  # noqa: PLC0415 - of an extra

            await show_console(console, settings, folder)
    return list(sent.values()), is_booked


async def _send_all(bus: Transport) -> dict[str, _Sent]:
    sent: dict[str, _Sent] = {}

    async def send(
        name: str,
        reason: str,
        number: str,
        key: str = _KEY,
        wanted: Mapping[str, Any] = _AREAS,
        *,
        fails: bool = False,
    ) -> None:
        request_id = str(uuid4())
        sent[request_id] = _Sent(name, reason, fails, time.perf_counter())
        await bus.send(key, _request(request_id, number, key, wanted), id=request_id, content_type=STRUCTURED)

    for name in _PATIENTS:
        scenario = BY_NAME[name]
        fails = name in {"restricted", "empty_object"}
        wanted = _THREE_FORMS if name == _SHOWN else _AREAS
        await send(name, scenario.reason, scenario.nhs_number, wanted=wanted, fails=fails)
    whole = BY_NAME[WHOLE_RECORD]
    await send(whole.name, whole.reason, whole.nhs_number, wanted=_EVERY_AREA)
    await send("broken message", "an NHS number with a wrong check digit", "9990000019", fails=True)
    await send(
        "care record",
        "the first patient's record, as the practice shows it",
        BY_NAME["rich_record"].nhs_number,
        _CARE_RECORD_KEY,
        {"sections": {"ENC": {"period": {"start": "2024-01-01"}}, "IMM": {}}},
    )
    return sent


def _request(
    request_id: str,
    nhs_number: str,
    key: str = _KEY,
    wanted: Mapping[str, Any] = _AREAS,
) -> bytes:
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": request_id,
            "source": "/demo/ward-7",
            "type": f"uk.nhs.gpconnect.{key}",
            "data": {
                "patient": {"nhs_number": nhs_number},
                **wanted,
                "requested_by": {
                    "user_id": "u-481",
                    "family_name": "Patel",
                    "given_names": ["Asha"],
                    "prefix": "Dr",
                    "role": "Hospital pharmacist",
                    "organisation": {"ods_code": "RZZ01", "name": "Sandbox General Hospital"},
                },
                "purpose": "direct_care",
            },
        }
    )


async def _follow(console: Console, events: AsyncIterator[Delivery], sent: Mapping[str, _Sent]) -> None:
    try:
        async with asyncio.timeout(_TIMEOUT):
            async for delivery in events:
                request = sent.get(delivery.correlation_id or "")
                if request is None:
                    continue
                request.add(delivery)
                if request.is_over:
                    row = (f"{request.took * 1000:6.0f} ms", request.name, request.outcome)
                    console.print(aligned([row], widths=(9, 18)))
                if all(each.is_over for each in sent.values()):
                    return
    except TimeoutError:
        missing = [request.name for request in sent.values() if not request.is_over]
        console.print(f"[red]no outcome within {_TIMEOUT:g} s:[/red] {', '.join(missing)}")


def _summarise(console: Console, sent: list[_Sent]) -> None:
    topics = "topics, in order"
    headings = ("request", "why this patient exists", topics)
    table = titled("What came out on which topic", headings, whole={"request", topics})
    for request in sent:
        table.add_row(request.name, request.reason, "\n".join(key for key, _ in request.events))
    console.print(table)
    data = _published(sent, _SHOWN)
    if MEDICATIONS_PUBLISHED in data:
        console.print(_medications(data[MEDICATIONS_PUBLISHED]))
        console.print(_allergies(data[ALLERGIES_PUBLISHED]))
        shown = next(request for request in sent if request.name == _SHOWN)
        console.print(forms_table(dict(shown.events), _SHOWN))
    whole = _published(sent, WHOLE_RECORD)
    if RECORD_COMPLETED in whole:
        console.print(*record_tables(whole))
    for request in sent:
        sections = [event["data"] for key, event in request.events if key == CARE_RECORD_SECTION]
        for table in (_section(section) for section in sections[:1]):
            console.print(table)
    console.print("\n[bold]Try next[/bold]")
    console.print(aligned(_NEXT, widths=(max(len(command) for command, _ in _NEXT),)))


def _published(sent: list[_Sent], name: str) -> dict[str, Any]:
    """The data of what came of a request, by kind."""
    request = next(request for request in sent if request.name == name)
    return {key: event["data"] for key, event in request.events if "data" in event}


def _medications(data: Mapping[str, Any]) -> Table:
    table = titled(
        f"rich_record: medications, {data['source_label']}, {data['retrieved_at']}",
        ("medication", "status", "from", "dosage", "issues"),
        whole={"status", "from", "issues"},
    )
    for item in data["items"]:
        plan = item.get("plan", {})
        table.add_row(
            item["medication"]["term"],
            f"{item['status']}\n{plan.get('prescription_type', '')}",
            item.get("effective_from", {}).get("value", ""),
            "; ".join(dosage["text"] for dosage in item["dosage"] if "text" in dosage),
            str(len(plan.get("issues", []))),
        )
    return table


def _allergies(data: Mapping[str, Any]) -> Table:
    table = titled(
        f"rich_record: allergies, statement: {data['allergy_statement']}",
        ("substance", "status", "reaction", "severity"),
        whole={"status", "severity"},
    )
    for item in data["items"]:
        reactions = item["reactions"]
        table.add_row(
            item["substance"]["term"],
            item["clinical_status"],
            ", ".join(term["term"] for reaction in reactions for term in reaction["manifestations"]),
            ", ".join(reaction["severity"] for reaction in reactions if "severity" in reaction),
        )
    return table


def _section(data: Mapping[str, Any]) -> Table:
    """The first table of a section, by its rows; `bridge preview` shows the practice's own page."""
    (part, *_) = data["subsections"]
    banners = "; ".join(banner["text"] for banner in (*data["banners"], *part["banners"]))
    (rows, *_) = part["tables"]
    table = titled(
        f"rich_record: {data['title']} as the practice shows it, {banners}", rows["columns"], whole={"Date"}
    )
    for row in rows["rows"]:
        table.add_row(*(row["cells"].get(heading, "") for heading in rows["columns"]))
    return table
