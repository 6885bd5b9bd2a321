"""A console to look at: sandbox, embedded bus, a worker and the console in a thread of its own, with requests made.

A whole installation once for a module: browsers and HTTP clients of the tests are on the outside of it.
"""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import orjson
from sqlalchemy import text

from bridge.bus import open_bus
from bridge.bus.port import Bus
from bridge.console.rights import Role
from bridge.console.serving import console
from bridge.console.sign_in.users import put_user
from bridge.contracts.envelope import STRUCTURED
from bridge.engine.worker import consuming
from bridge.ledger.model import FollowUp, Opening, Started
from bridge.operations.site import Stores, open_stores
from bridge.pipelines.installed import installed_pipelines
from bridge.sandbox import BY_NAME, FaultKind, InjectedFault, RunningSandbox, SandboxOptions, running
from bridge.settings import Settings
from tests.support.ports import free_port

T = TypeVar("T")

PASSWORD = "correct horse battery"
USERS: Mapping[str, tuple[Role, ...]] = {
    "vera": (Role.VIEWER,),
    "clara": (Role.CLINICAL,),
    "olga": (Role.OPERATOR,),
    "axel": (Role.AUDITOR,),
    "alma": (Role.VIEWER, Role.CLINICAL, Role.OPERATOR, Role.AUDITOR),
}
PERSONS: Mapping[str, Mapping[str, str]] = {"olga": {"given_name": "Olga", "family_name": "Brandt"}}
"""Whose sign-in says what they are called."""
PATIENT = BY_NAME["rich_record"]
BROKEN = BY_NAME["repeat_dispensing"]
"""At whose practice something is broken, until a test mends it."""
FAMILY_NAME = "Patel"
"""Of whoever asks; no page of metadata names them."""
ENDED = 25.0


@dataclass
class ConsoleSite:
    """What runs, and how the tests get at it."""

    url: str
    settings: Settings
    sandbox: RunningSandbox
    bus: Bus
    loop: asyncio.AbstractEventLoop
    requests: dict[str, str] = field(default_factory=dict)
    """Keys of requests by what they are for."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Something asynchronous, in the thread of the installation."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def mend_practice(self) -> None:
        """What answered with no record answers as it should."""
        self.sandbox.clear_faults(BROKEN.nhs_number)

    async def trail(self) -> list[dict[str, Any]]:
        """Every entry of the audit trail."""
        async with open_stores(self.settings) as stores:
            begin = datetime(2020, 1, 1, tzinfo=UTC)
            return [entry async for entry in stores.trail.export(begin, datetime(2100, 1, 1, tzinfo=UTC))]

    def client(self, name: str | None = None) -> httpx.Client:
        """An HTTP client, signed in as somebody unless None."""
        client = httpx.Client(base_url=self.url, trust_env=False, timeout=30)
        if name is not None:
            answer = sign_in(client, name)
            assert answer.status_code == 303, answer.text
        return client


def sign_in(client: httpx.Client, name: str, password: str = PASSWORD) -> httpx.Response:
    return client.post(
        "/sign-in", data={"token": token(client, "/sign-in"), "name": name, "password": password}
    )


def token(client: httpx.Client, path: str = "/") -> str:
    """The token of the forms on a page."""
    return client.get(path).text.partition('name="token" value="')[2].partition('"')[0]


@contextlib.contextmanager
def console_site(folder: Path, **changed: str) -> Iterator[ConsoleSite]:
    """An installation with requests of all outcomes, and its console."""
    users = folder / "users"
    for name, roles in USERS.items():
        put_user(users, name, roles, PASSWORD, **PERSONS.get(name, {}))
    ready = threading.Event()
    made: list[ConsoleSite | BaseException] = []
    ending: list[asyncio.Event] = []

    async def installation() -> None:
        port = free_port()
        own = {
            "BRIDGE_STATE_DIR": str(folder),
            "BRIDGE_CONSOLE_PORT": str(port),
            "BRIDGE_CONSOLE_USERS_FILE": str(users),
            "BRIDGE_RETRY_FIRST_DELAY": "0.1",
            "BRIDGE_PDS_RATE_PER_SECOND": "50",
            **changed,
        }
        async with running(SandboxOptions(state_dir=folder)) as sandbox:
            settings = Settings.load(environ=sandbox.environment | own)
            async with (
                open_bus(settings) as bus,
                consuming(settings, installed_pipelines(), bus),
                console(settings) as url,
            ):
                site = ConsoleSite(url, settings, sandbox, bus, asyncio.get_running_loop())
                await _make_requests(site)
                stop = asyncio.Event()
                ending.append(stop)
                made.append(site)
                ready.set()
                await stop.wait()

    def work() -> None:
        try:
            asyncio.run(installation())
        except BaseException as error:  # noqa: BLE001 - told to whoever waits
            made.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        ready.wait()
        site = made[0]
        if isinstance(site, BaseException):
            raise site
        yield site
    finally:
        if ending:
            made_site = made[0]
            assert isinstance(made_site, ConsoleSite)
            made_site.loop.call_soon_threadsafe(ending[0].set)
        thread.join()
    if len(made) > 1 and isinstance(made[1], BaseException):
        raise made[1]


async def ask(site: ConsoleSite, name: str, nhs_number: str, request_id: str | None = None) -> str:
    """Send one request; its key."""
    identity = request_id or str(uuid4())
    event = {
        "specversion": "1.0",
        "id": identity,
        "source": "/ward",
        "type": "uk.nhs.gpconnect.record.requested.v1",
        "data": {
            "patient": {"nhs_number": nhs_number},
            "areas": {"medications": {}, "allergies": {}},
            "requested_by": {
                "user_id": "u-481",
                "family_name": FAMILY_NAME,
                "given_names": ["Asha"],
                "role": "Hospital pharmacist",
                "organisation": {"ods_code": "RZZ01", "name": "Sandbox General Hospital"},
            },
            "purpose": "direct_care",
        },
    }
    site.requests[name] = f"/ward {identity}"
    await site.bus.send("record.requested.v1", orjson.dumps(event), id=identity, content_type=STRUCTURED)
    return site.requests[name]


async def lose_replay(site: ConsoleSite, job: str, key: str) -> None:
    """Leave a planned job of one request as a run that sent it, and a purge that took it from its queue."""
    async with open_stores(site.settings) as stores:
        jobs, who = stores.replay_jobs, "olga"
        await jobs.confirm(job, "replay", by=who, actor=who, reason="x", also=lambda _to: None)
        await jobs.start(job, "replay", runner="a")
        await jobs.mark(job, key, also=lambda _to: None, left_out=None)
        await jobs.release(job, runner="a", complete=True)
        long_ago = text("UPDATE replay_job_requests SET marked_at = '2026-01-01 00:00:00.000000'")
        await stores.ledger.store.write(lambda to: to.execute(long_ago))


async def _make_requests(site: ConsoleSite) -> None:
    site.sandbox.fault(BROKEN.nhs_number, InjectedFault(FaultKind.OUTCOME))
    for name, number in {
        "completed": PATIENT.nhs_number,
        "degraded": BY_NAME["degraded_codes"].nhs_number,
        "failed": BY_NAME["restricted"].nhs_number,
        "unusable": BROKEN.nhs_number,
        "rejected": "9990000019",
    }.items():
        await ask(site, name, number)
    async with open_stores(site.settings) as stores:
        await _leave_in_doubt(stores, site)
        async with asyncio.timeout(ENDED):
            while not await _all_ended(stores, site):
                await asyncio.sleep(0.05)


async def _leave_in_doubt(stores: Stores, site: ConsoleSite) -> None:
    """A booking of which nobody knows, and that is checked no more."""
    key = site.requests["in_doubt"] = f"/ward {uuid4()}"
    opening = Opening(
        request_key=key,
        pipeline="appointments",
        correlation_id=key.partition(" ")[2],
        body_sha256="0" * 64,
        received_at=datetime.now(UTC),
        operation="appointment.requested.v1",
        own_id=key.partition(" ")[2],
    )
    begun = await stores.ledger.begin(opening)
    assert isinstance(begun, Started)
    await stores.ledger.intend(begun.lease, kind="book_appointment", payload=b"{}", settle_key="k")
    await stores.ledger.finish(begun.lease, state="in_doubt", code=None, events=[], follow_up=FollowUp(None))


async def _all_ended(stores: Stores, site: ConsoleSite) -> bool:
    for key in site.requests.values():
        known = await stores.ledger.oversight.request_history(key)
        if known is None or known.ended_at is None:
            return False
    depth = await site.bus.depth(
        next(each.queue("gpconnect") for each in installed_pipelines(["structured_record"]))
    )
    return depth.dead > 0
