"""What `bridge doctor` finds around a worker and the console: database, disk, collector, OpenID provider.

Each says what to do. Nothing is changed: the database is only read, and the collector is sent no span.
"""

import os
import shutil
import ssl
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx
import orjson

from bridge.bus.condition import BusCondition
from bridge.credentials.known import provider_files
from bridge.errors import BridgeError, Misconfigured
from bridge.ledger.condition import Condition, condition, servers
from bridge.ledger.errors import NoLedger
from bridge.observe.causes import causes, tls_code, tls_sentence
from bridge.settings import Settings
from bridge.values import dataclass

_OLDEST_POSTGRES: Final = 14
_MOST_SKEW: Final = 5.0
"""Seconds: leases are some tens of them."""
_LEAST_ROOM: Final = 1 << 30
_TIMEOUT: Final = 10.0
EXPIRY_WARNING: Final = timedelta(days=30)
"""A certificate that expires sooner is a fault."""
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried: its name, whether it is good, and what was seen; no secret in any of them."""

    what: str
    is_good: bool
    detail: str


async def database(settings: Settings) -> Sequence[Check]:
    """The ledger's database: its servers where it has several, version, migrations, rights and clock."""
    each: list[Check] = []
    try:
        each = [
            Check(f"ledger's server {server.place}", is_good=server.is_there, detail=server.told)
            for server in await servers(settings)
        ]
        found = await condition(settings)
    except NoLedger:
        return each  # told with the audit trail
    except BridgeError as fault:
        return [*each, Check("ledger's database", is_good=False, detail=str(fault))]
    return [*each, *_of_database(found, datetime.now(UTC))]


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
        yield of_clock((now - found.clock).total_seconds(), "the database's")


def of_bus(found: BusCondition) -> Sequence[Check]:
    """Limits of the broker by which messages would be lost, and its clock."""
    what, limits = (
        "limits of the bus",
        "; ".join(f"{name}: {', '.join(found.losing[name])}" for name in found.losing),
    )
    told = f"messages are dropped without a word by {limits}: take the limit away, or set discard to new"
    checks = [Check(what, is_good=not limits, detail=told if limits else "none drops messages")]
    if found.alone:
        names = ", ".join(found.alone)
        told = f"one alone, on one server of the cluster: {names}: nats stream edit --replicas 3"
        checks.append(Check("copies of streams", is_good=False, detail=told))
    if found.full:
        names = "; ".join(f"{name}: {limit}" for name, limit in found.full.items())
        told = f"full, so that workers wait and take nothing: {names}: read what is there, or raise the limit"
        checks.append(Check("room on the bus", is_good=False, detail=told))
    if found.damaged:
        told = f"the broker could not read all that it had stored: {', '.join(found.damaged)}: see its log"
        checks.append(Check("storage of the bus", is_good=False, detail=told))
    return checks if found.ahead is None else [*checks, of_clock(found.ahead, "the broker's")]


def of_clock(ahead: float, whose: str) -> Check:
    """How far our clock is ahead of another one, in seconds."""
    is_right = abs(ahead) < _MOST_SKEW
    told = f"{abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} {whose}"
    return Check("clock", is_good=is_right, detail=told if is_right else f"{told}: synchronise both")


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
        async with httpx.AsyncClient(verify=trusted, timeout=_TIMEOUT, trust_env=False) as client:
            answer = await client.post(url, headers={"content-type": "application/x-protobuf"})
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as fault:
        told = _tls_fault(fault) or type(fault).__name__
        return [Check(what, is_good=False, detail=f"{told}: see OTEL_EXPORTER_OTLP_ENDPOINT")]
    # Without the headers of OTEL_EXPORTER_OTLP_HEADERS it may well refuse; then it is there all the same.
    is_there = answer.status_code in {200, 401, 403}
    told = "answers" if is_there else f"answers {answer.status_code}: see OTEL_EXPORTER_OTLP_ENDPOINT"
    return [Check(what, is_good=is_there, detail=told)]


async def sign_in_provider(settings: Settings) -> Sequence[Check]:
    """The OpenID provider of the console, where one is set: its metadata, and its certificate."""
    console = settings.console
    if console.oidc_issuer is None:
        return []
    issuer, what = console.oidc_issuer.rstrip("/"), "sign-in of the console"
    try:
        trusted = provider_files(console).client()
    except Misconfigured as fault:
        return [Check(what, is_good=False, detail=str(fault))]
    try:
        async with (
            httpx.AsyncClient(verify=trusted, timeout=_TIMEOUT, trust_env=False) as client,
            client.stream("GET", f"{issuer}/.well-known/openid-configuration") as answer,
        ):
            tls = answer.extensions["network_stream"].get_extra_info("ssl_object")
            expires = _expiry(tls.getpeercert()) if tls else None
            body = await answer.aread()
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as fault:
        told = _tls_fault(fault) or type(fault).__name__
        return [Check(what, is_good=False, detail=f"{told}: see BRIDGE_CONSOLE_OIDC_ISSUER, …_OIDC_CA_FILE")]
    told = _fault_of_metadata(answer.status_code, body, issuer)
    if told:
        return [Check(what, is_good=False, detail=f"{told}: see BRIDGE_CONSOLE_OIDC_ISSUER")]
    if expires is None:
        return [Check(what, is_good=True, detail="answers")]
    days = (expires - datetime.now(UTC)).days
    told = f"answers; its certificate expires {expires:%Y-%m-%d}, in {days} days"
    return [Check(what, is_good=days >= EXPIRY_WARNING.days, detail=told)]


def _expiry(certificate: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)


def _fault_of_metadata(status: int, body: bytes, issuer: str) -> str:
    """Why nobody could sign in with what the provider says; empty when it may do."""
    if status != HTTPStatus.OK:
        return f"answers {status}"
    try:
        metadata = orjson.loads(body)
    except orjson.JSONDecodeError:
        metadata = None
    if not isinstance(metadata, dict):
        return "answers, but with no OpenID metadata"
    if str(metadata.get("issuer", "")).rstrip("/") != issuer:
        return "its metadata names another issuer"
    lacking = ", ".join(name for name in _ENDPOINTS if not metadata.get(name))
    return f"its metadata lacks {lacking}" if lacking else ""


def _tls_fault(error: BaseException) -> str:
    """What TLS objected to, in words; empty when it did not: httpx hides it behind an error of its own."""
    found = (tls_sentence(tls_code(cause)) for cause in causes(error) if isinstance(cause, ssl.SSLError))
    return next(found, "")
