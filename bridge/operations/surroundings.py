"""What `bridge doctor` finds around a worker: the ledger's database, the disk, the collector of traces.

Each says what to do. Nothing is changed: the database is only read, and the collector is sent no span.
"""

import os
import shutil
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx

from bridge.errors import BridgeError
from bridge.ledger.condition import Condition, condition
from bridge.ledger.errors import NoLedger
from bridge.observe.causes import causes, tls_code, tls_sentence
from bridge.settings import Settings

_OLDEST_POSTGRES: Final = 14
_MOST_SKEW: Final = 5.0
"""Seconds: leases are some tens of them."""
_LEAST_ROOM: Final = 1 << 30
_COLLECTOR_TIMEOUT: Final = 10.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried: its name, whether it is good, and what was seen; no secret in any of them."""

    what: str
    is_good: bool
    detail: str


async def database(settings: Settings) -> Sequence[Check]:
    """The ledger's database: version, migrations, rights and clock."""
    try:
        found = await condition(settings)
    except NoLedger:
        return []  # told with the audit trail
    except BridgeError as fault:
        return [Check("ledger's database", is_good=False, detail=str(fault))]
    return list(_of_database(found, datetime.now(UTC)))


def _of_database(found: Condition, now: datetime) -> Iterator[Check]:
    name = f"{found.kind} {'.'.join(map(str, found.version))}"
    is_old = found.kind == "PostgreSQL" and found.version < (_OLDEST_POSTGRES,)
    advice = f"{name}: upgrade the server to {_OLDEST_POSTGRES} or later" if is_old else name
    yield Check("ledger's database", is_good=not is_old, detail=advice)
    waiting = ", ".join(found.pending)
    if not waiting:
        yield Check("ledger's schema", is_good=True, detail="of this version")
    elif found.may_migrate:
        yield Check("ledger's schema", is_good=True, detail=f"the next worker migrates it: {waiting}")
    else:
        told = f"lacks {waiting}: run bridge ledger upgrade as the role that owns the tables"
        yield Check("ledger's schema", is_good=False, detail=told)
    if found.lacking:
        told = f"our role lacks {', '.join(found.lacking)}: grant it (deploy/postgres/roles.sql)"
        yield Check("ledger's rights", is_good=False, detail=told)
    else:
        yield Check("ledger's rights", is_good=True, detail="to read, add, change and delete rows")
    if found.clock is not None:
        skew = (now - found.clock).total_seconds()
        is_right = abs(skew) < _MOST_SKEW
        told = f"{abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} the database's"
        yield Check("clock", is_good=is_right, detail=told if is_right else f"{told}: synchronise both")


def disk(settings: Settings) -> Sequence[Check]:
    """Room where the SQLite ledger and the embedded bus live; nothing where both are elsewhere."""
    if settings.ledger.url is not None and settings.bus.url is not None:
        return []
    folder = settings.state_dir.absolute()
    free = shutil.disk_usage(_there(folder)).free
    told = f"{free / _LEAST_ROOM:.1f} GiB free for BRIDGE_STATE_DIR"
    if free >= _LEAST_ROOM:
        return [Check("disk", is_good=True, detail=told)]
    return [Check("disk", is_good=False, detail=f"{told}: make room, requests wait while it is full")]


def _there(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())


async def collector() -> Sequence[Check]:
    """The collector of traces, where one is set: it is sent an empty message."""
    given = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    base = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    if not given and not base:
        return []
    url = given or f"{(base or '').rstrip('/')}/v1/traces"
    what = "collector of traces"
    certificate = "OTEL_EXPORTER_OTLP_CERTIFICATE"
    authority = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE") or os.environ.get(certificate)
    try:
        trusted = ssl.create_default_context(cafile=authority) if authority else True
        async with httpx.AsyncClient(verify=trusted, timeout=_COLLECTOR_TIMEOUT, trust_env=False) as client:
            answer = await client.post(url, headers={"content-type": "application/x-protobuf"})
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as fault:
        told = _tls_fault(fault) or type(fault).__name__
        return [Check(what, is_good=False, detail=f"{told}: see OTEL_EXPORTER_OTLP_ENDPOINT")]
    # Without the headers of OTEL_EXPORTER_OTLP_HEADERS it may well refuse; then it is there all the same.
    is_there = answer.status_code in {200, 401, 403}
    told = "answers" if is_there else f"answers {answer.status_code}: see OTEL_EXPORTER_OTLP_ENDPOINT"
    return [Check(what, is_good=is_there, detail=told)]


def _tls_fault(error: BaseException) -> str:
    """What TLS objected to, in words; empty when it did not: httpx hides it behind an error of its own."""
    found = (tls_sentence(tls_code(cause)) for cause in causes(error) if isinstance(cause, ssl.SSLError))
    return next(found, "")
