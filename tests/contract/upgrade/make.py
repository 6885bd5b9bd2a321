"""Write what a release leaves behind: ``python -m tests.contract.upgrade.make 0.1.0``.

A worker of that release works for a sandbox, on a SQLite ledger and on a PostgreSQL one, until it is killed with one
request in its hands and one in doubt. Kept of it, in the folder of the version: the SQLite file, the PostgreSQL database
as SQL, the keys, every event of the run, what the release said of each request, its JSON Schemas without descriptions, the
names of its settings, and the schema of its ledger.

Made once for each release, by somebody who has the whole history of the repository; the tests read what is committed.
"""

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bridge.bus.rabbit.topology import DELAYS
from bridge.sandbox import BY_NAME, MAIN, FaultKind, InjectedFault, SandboxOptions, running
from tests.bench.against import Build
from tests.faults.installation import INVALID, until
from tests.support.brokers import NatsNode
from tests.support.bus_sites import NatsSite
from tests.support.hospital import Hospital, hospital_on
from tests.support.ports import free_port
from tests.support.postgres import PostgresNode, fresh_database
from tests.support.processes import Child, child, wait_until_ready
from tests.support.reception import Reception, example
from tests.support.releases import installed_release
from tests.support.requests import cloud_event, record_request

PATIENT_KEY: Final = "89AAJGFWNC77ThS-QqmekRw-HCYWYl3HiSLQ-p9ibHM"
"""Of this ledger alone; it protects nobody."""
HERE: Final = Path(__file__).parent
KEYS: Final = ("audit.keys", "vault.keys")
"""Files of the state directory that open what is sealed in a ledger."""


def main() -> None:
    """Write the folder of a version anew."""
    (version,) = sys.argv[1:]
    release, folder = installed_release(version), HERE / version
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with tempfile.TemporaryDirectory(prefix="bridge-upgrade-") as name:
        work = Path(name)
        _schemas(release, work / "schemas", folder / "schemas.json")
        _write(folder / "settings.json", _run_python(release, _SETTINGS).split())
        (work / "sqlite").mkdir()
        events, answers = asyncio.run(_run(release, work / "sqlite", {}))
        _write(folder / "events.json", events)
        _write(folder / "sqlite.answers.json", answers)
        _keep_sqlite(work / "sqlite" / "state", folder)
        node = PostgresNode()
        node.start()
        try:
            with fresh_database(node.url) as url:
                (work / "postgresql" / "state").mkdir(parents=True)
                for key in KEYS:  # one set of keys opens both
                    shutil.copy(folder / key, work / "postgresql" / "state")
                _, answers = asyncio.run(_run(release, work / "postgresql", {"BRIDGE_LEDGER_URL": url}))
                _write(folder / "postgresql.answers.json", answers)
                (folder / "ledger.sql").write_text(_dumped(url), encoding="utf-8")
        finally:
            node.close()


async def _run(
    release: Build, work: Path, settings: dict[str, str]
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, Any]]:
    """Requests of every end; events and answers by the name of the request."""
    state = work / "state"
    state.mkdir(exist_ok=True)
    node = NatsNode(work / "nats")
    node.start()
    options = SandboxOptions(work / "keys", scenario_faults=True, patients=40, proxy_timeout=60.0)
    try:
        async with running(options) as sandbox, NatsSite.open(node.url) as site:
            environment = sandbox.environment | {
                "BRIDGE_BUS_PREFIX": site.prefix,
                "BRIDGE_BUS_URL": node.url,
                "BRIDGE_PATIENT_KEY": PATIENT_KEY,
                "BRIDGE_STATE_DIR": str(state),
                "BRIDGE_RETRY_SETTLE_AFTER": "0.5",
                "BRIDGE_RETRY_FIRST_DELAY": "0.2",
                **settings,
            }
            with _worker(release, environment, work / "worker.log") as worker:
                bus = site.bus(delays=DELAYS)
                await bus.start()
                async with hospital_on(bus) as hospital:
                    asked = await _ask(sandbox, hospital)
                    worker.kill()
                events = {
                    name: [event for _, event in hospital.events(request)] for name, request in asked.items()
                }
                await bus.stop(grace=5)
            answers = {name: _told(release, environment, request) for name, request in asked.items()}
    finally:
        node.stop()
    return events, answers


async def _ask(sandbox: Any, hospital: Hospital) -> dict[str, str]:
    """Requests by a name of how they end; returns when they have, and the last is in the worker's hands."""
    reception = Reception(hospital, patience=60)
    numbers = {
        "completed": BY_NAME["no_known_allergies"].nhs_number,
        "failed": BY_NAME["restricted"].nhs_number,
        "rejected": INVALID,
    }
    asked = {}
    for name, number in numbers.items():
        message = cloud_event(record_request(number)) | {"id": name}
        asked[name] = await hospital.ask(message, key="record.requested.v1")
        await hospital.outcome(name)
    booker, doubter = [one.nhs_number for one in sandbox.crowd if one.practice_ods == MAIN.ods][:2]
    first, second, *_ = [slot["offer"] for slot in await reception.free_slots(booker)]
    booking = example("appointment.requested", patient={"nhs_number": booker}, choices=[[first]])
    asked["booked"] = await reception.send(booking | {"id": "booked"})
    await reception.outcome("booked")
    sandbox.fault(doubter, InjectedFault(FaultKind.DROP, on=("book",)))
    silent = ("patient_appointments", "read_appointment")
    sandbox.fault(doubter, InjectedFault(FaultKind.STATUS, at="proxy", status=503, on=silent))
    doubtful = example("appointment.requested", patient={"nhs_number": doubter}, choices=[[second]])
    asked["in_doubt"] = await reception.send(doubtful | {"id": "in_doubt"})
    await until(lambda: hospital.events("in_doubt"))
    slow = BY_NAME["rich_record"].nhs_number
    sandbox.fault(slow, InjectedFault(FaultKind.HANG))
    message = cloud_event(record_request(slow)) | {"id": "running"}
    asked["running"] = await hospital.ask(message, key="record.requested.v1")
    await until(lambda: sandbox.calls.of("practice", nhs_number=slow))
    return asked


@contextmanager
def _worker(release: Build, environment: dict[str, str], output: Path) -> Iterator[Child]:
    port = free_port()
    settings = environment | {"BRIDGE_HEALTH_PORT": str(port), "BRIDGE_LOG_FORMAT": "json"}
    with child(
        "bridge",
        ["run"],
        environment=settings,
        output=output,
        cwd=output.parent,
        fresh=True,
        python=release.python,
    ) as started:
        wait_until_ready(started, port, within=300)
        yield started


def _told(release: Build, environment: dict[str, str], request: str) -> Any:
    """What the release's own ``bridge ledger show`` says of a request."""
    return json.loads(_bridge(release, environment, "ledger", "show", request))


_SETTINGS: Final = """
from pydantic import BaseModel
from bridge.settings import Settings
for name, field in Settings.model_fields.items():
    parts = type(field.default).model_fields if isinstance(field.default, BaseModel) else [None]
    print(*("_".join(filter(None, ("BRIDGE", name, part))).upper() for part in parts))
"""


def _run_python(release: Build, script: str) -> str:
    command = [release.python, "-c", script]
    return subprocess.run(command, cwd=release.folder, capture_output=True, check=True, text=True).stdout


def _bridge(release: Build, environment: dict[str, str], *arguments: str) -> str:
    command = [release.python, "-m", "bridge", *arguments]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
    done = subprocess.run(
        command, env=outside | environment, cwd=release.folder, capture_output=True, check=True, text=True
    )
    return done.stdout


def _schemas(release: Build, folder: Path, target: Path) -> None:
    _bridge(release, {}, "schemas", str(folder))
    found = {path.stem: _bare(json.loads(path.read_text("utf-8"))) for path in sorted(folder.glob("*.json"))}
    target.write_text(json.dumps(found, separators=(",", ":"), sort_keys=True) + "\n", encoding="utf-8")


def _bare(schema: Any) -> Any:
    """A schema without its words."""
    if isinstance(schema, list):
        return [_bare(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _bare(part)
        for name, part in schema.items()
        if not (name in {"description", "title", "examples"} and not isinstance(part, dict))
    }


def _keep_sqlite(state: Path, folder: Path) -> None:
    """The file with all that stood in its log, and the keys."""
    with sqlite3.connect(state / "ledger.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (version,) = connection.execute("SELECT version_num FROM ledger_version").fetchone()
        _write(folder / "ledger.json", version)
    connection.close()
    for name in ("ledger.db", *KEYS):
        shutil.copy(state / name, folder)


def _dumped(url: str) -> str:
    """The database as statements that any client can send."""
    program = max(Path("/usr/lib/postgresql").glob("*/bin/pg_dump"))
    command = [str(program), "--no-owner", "--no-privileges", "--inserts", "--dbname", url]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    kept = [line for line in done.stdout.splitlines() if line and not line.startswith(("--", "\\"))]
    return "\n".join(kept) + "\n"


def _write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
