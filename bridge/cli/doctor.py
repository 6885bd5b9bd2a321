"""``bridge doctor``: everything that a request depends on, tried once, before a request does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import typer
from rich.console import Console
from rich.table import Table

from bridge.bus import open_bus, try_connection
from bridge.cli.exits import Exit
from bridge.cli.site import reading_trail
from bridge.engine.worker import check
from bridge.errors import BridgeError, NoConnection
from bridge.ledger.audit.trail import AuditBroken
from bridge.ledger.errors import NoLedger
from bridge.observe import configure_logging
from bridge.observe.causes import tls_sentence
from bridge.settings import Settings
from bridge.spine import Spine
from bridge.spine.interactions import STRUCTURED_RECORD
from bridge.spine.tls import certificate_expiries

_BUS_TIMEOUT = 10.0
_EXPIRY_WARNING = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class _Finding:
    what: str
    is_good: bool
    detail: str


def doctor() -> None:
    """Print whether each thing works."""
    settings = Settings.load(check=check)
    configure_logging("error", settings.log.format)
    findings = asyncio.run(_examine(settings))
    table = Table("check", "", "detail", show_edge=False)
    for finding in findings:
        table.add_row(
            finding.what, "[green]ok[/green]" if finding.is_good else "[red]FAILED[/red]", finding.detail
        )
    Console().print(table)
    raise typer.Exit(Exit.OK if all(finding.is_good for finding in findings) else Exit.NO)


async def _examine(settings: Settings) -> list[_Finding]:
    findings = [_Finding("settings", is_good=True, detail="complete")]
    findings += _secrets(settings)
    findings += _certificates(settings)
    findings.append(await _bus(settings))
    findings.append(await _trail(settings))
    async for finding in _national_services(settings):
        findings.append(finding)
    return findings


def _secrets(settings: Settings) -> list[_Finding]:
    return [
        _Finding(name, is_good=settings.sandbox, detail="every user of this machine may read the file")
        for name in settings.exposed_secrets
    ]


def _certificates(settings: Settings) -> list[_Finding]:
    now = datetime.now(UTC)
    return [
        _Finding(
            f"certificate {name}",
            is_good=expires > now + _EXPIRY_WARNING,
            detail=f"expires {expires:%Y-%m-%d}, in {(expires - now).days} days",
        )
        for name, expires in certificate_expiries(settings.spine)
    ]


async def _bus(settings: Settings) -> _Finding:
    where = settings.bus.url.partition("://")[0] if settings.bus.url else "embedded NATS"
    try:
        if settings.bus.url:
            await try_connection(
                settings.bus.url, prefix=settings.bus.prefix
            )  # tells the cause, where the bus would go on waiting
        async with asyncio.timeout(_BUS_TIMEOUT), open_bus(settings, join=True) as bus:
            is_ready = await bus.ready()
    except NoConnection as fault:
        return _Finding(f"bus ({where})", is_good=False, detail=str(fault))
    except TimeoutError:
        return _Finding(f"bus ({where})", is_good=False, detail=f"no answer within {_BUS_TIMEOUT:g} s")
    return _Finding(f"bus ({where})", is_good=is_ready, detail="connected" if is_ready else "not ready")


async def _trail(settings: Settings) -> _Finding:
    """The ledger, and whether its audit trail takes entries: without it nothing is asked of anybody."""
    what = "ledger and audit trail"
    try:
        async with reading_trail(settings) as trail:
            await trail.look()
    except NoLedger:
        return _Finding(what, is_good=True, detail="none yet: the first worker makes them")
    except AuditBroken as fault:
        return _Finding(what, is_good=False, detail=f"{fault}; see bridge audit verify, then resume")
    except BridgeError as fault:
        return _Finding(what, is_good=False, detail=str(fault))
    return _Finding(what, is_good=True, detail="takes entries")


async def _national_services(settings: Settings) -> AsyncIterator[_Finding]:
    async with Spine.open(settings) as spine:
        yield await _try("PDS access token", spine.pds.sign_in(), "granted")
        for ods in settings.consumer.organisations:
            yield await _try(f"SDS own ASID of {ods}", spine.sds.own_asid(ods, STRUCTURED_RECORD), "found")


async def _try(what: str, call: Awaitable[object], good: str) -> _Finding:
    try:
        await call
    except BridgeError as error:
        told = str(error)
        words = tls_sentence(told)
        return _Finding(what, is_good=False, detail=f"{told}: {words}" if words else told)
    return _Finding(what, is_good=True, detail=good)
