"""Everything that a request depends on, tried once, before a request does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from bridge.addresses import WITH_ADDRESSES, each_address, place_of
from bridge.bus import open_bus, try_connection
from bridge.bus.access import Access
from bridge.bus.administered import Administered, TopologyFound
from bridge.bus.condition import TellsCondition
from bridge.credentials.known import ALL, known_certificates
from bridge.credentials.tls import CertificateFact
from bridge.engine.mllp.users import read_users
from bridge.engine.scanning import Scanner
from bridge.errors import BridgeError, Misconfigured, NoConnection
from bridge.ledger.audit.trail import AuditBroken
from bridge.ledger.errors import NoLedger
from bridge.mllp.peer import Peer, PeerAway
from bridge.observe.causes import tls_sentence
from bridge.operations.broker_policies import broker_policies
from bridge.operations.site import open_trail, queues_of
from bridge.operations.surroundings import (
    EXPIRY_WARNING,
    Check,
    collector,
    database,
    disk,
    of_bus,
    sign_in_provider,
)
from bridge.settings import Settings
from bridge.spine import Spine
from bridge.spine.interactions import STRUCTURED_RECORD
from bridge.spine.tls import certificate_expiries

_BUS_TIMEOUT: Final = 10.0
"""Seconds."""
_TOPOLOGY_TIMEOUT: Final = 60.0
"""Seconds for a look at all that an administrator made: a question for each of a hundred queues or so."""


async def examine(settings: Settings) -> Sequence[Check]:
    """Try all of it: what is on this machine first, then what is asked for nothing, then PDS and SDS.

    No patient is asked about and nothing is published.

    Args:
        settings: complete, as a worker demands them.
    """
    return [
        Check("settings", is_good=True, detail="complete"),
        *_secrets(settings),
        *_certificates(*certificate_expiries(settings.spine), *known_certificates(settings, *ALL)()),
        *disk(settings),
        *await _bus(settings),
        *await broker_policies(settings),
        *await database(settings),
        await _trail(settings),
        *await collector(),
        *await sign_in_provider(settings),
        *await _scanner(settings),
        *await _peer(settings),
        *_users(settings),
        *[check async for check in _national_services(settings)],
    ]


async def examine_for_console(settings: Settings) -> Sequence[Check]:
    """Try what the console needs: the broker, the ledger, and its OpenID provider.

    Args:
        settings: complete, as the console demands them.
    """
    return [
        Check("settings", is_good=True, detail="complete"),
        *_secrets(settings),
        *_certificates(*known_certificates(settings, "bus", "ledger", "console")()),
        *await _bus(settings),
        *await database(settings),
        await _trail(settings),
        *await sign_in_provider(settings),
    ]


def _secrets(settings: Settings) -> list[Check]:
    return [
        Check(name, is_good=settings.sandbox, detail="every user of this machine may read the file")
        for name in settings.exposed_secrets
    ]


def _certificates(*facts: CertificateFact) -> list[Check]:
    now = datetime.now(UTC)
    return [
        Check(
            f"certificate {fact.setting}",
            is_good=fact.expires_at > now + EXPIRY_WARNING,
            detail=f"expires {fact.expires_at:%Y-%m-%d}, in {(fact.expires_at - now).days} days",
        )
        for fact in facts
    ]


async def _bus(settings: Settings) -> Sequence[Check]:
    where = settings.bus.url.partition("://")[0] if settings.bus.url else "embedded NATS"
    what, found = f"bus ({where})", None
    each: Sequence[Check] = []
    checks: list[Check] = []
    patience = _BUS_TIMEOUT
    try:
        if settings.bus.url:
            access = Access.of(settings)
            each = await _nodes(settings.bus.url, where, access)
            # Tells the cause, where the bus would go on waiting.
            await try_connection(
                settings.bus.url,
                prefix=settings.bus.prefix,
                with_rights=True,
                access=access,
                administrator=settings if settings.leaves_queues_to_administrator else None,
            )
        async with asyncio.timeout(patience) as limit, open_bus(settings, join=True) as bus:
            is_ready = await bus.ready()
            queues = list(queues_of(settings).values())
            if isinstance(bus, TellsCondition):
                found = await bus.condition(queues)
            if isinstance(bus, Administered) and not bus.declares:
                patience = _TOPOLOGY_TIMEOUT
                limit.reschedule(asyncio.get_running_loop().time() + patience)
                checks = list(_of_topology(await bus.look_over(queues)))
    except (NoConnection, Misconfigured) as fault:
        return [*each, Check(what, is_good=False, detail=str(fault))]
    except TimeoutError:
        return [*each, Check(what, is_good=False, detail=f"no answer within {patience:g} s")]
    connected = Check(what, is_good=is_ready, detail="connected" if is_ready else "not ready")
    return [*each, connected, *checks, *(of_bus(found) if found else [])]


def _of_topology(found: TopologyFound) -> Iterator[Check]:
    """What an administrator made on the broker (``BRIDGE_BUS_DECLARE=check``)."""
    what = "queues of the administrator"
    yield from (Check(what, is_good=False, detail=fault) for fault in found.faults)
    yield from (Check(what, is_good=True, detail=unchecked) for unchecked in found.unchecked)
    if not found.faults and not found.unchecked:
        yield Check(what, is_good=True, detail="as they must be")


async def _nodes(url: str, scheme: str, access: Access) -> Sequence[Check]:
    """Each of several addresses of the broker: a worker passes over one that is away."""
    addresses = each_address(url, "BRIDGE_BUS_URL") if scheme in WITH_ADDRESSES else ()
    if len(addresses) < 2:  # noqa: PLR2004 - a single one is told of as the bus
        return []

    async def look(address: str) -> Check:
        what = f"bus ({scheme}) at {place_of(address)}"
        try:
            await try_connection(address, access=access)
        except NoConnection as fault:
            return Check(what, is_good=False, detail=f"away: {fault}")
        return Check(what, is_good=True, detail="takes connections")

    return await asyncio.gather(*map(look, addresses))


async def _trail(settings: Settings) -> Check:
    """The ledger, and whether its audit trail takes entries: without it nothing is asked of anybody."""
    what = "ledger and audit trail"
    try:
        async with open_trail(settings) as trail:
            await trail.look()
    except NoLedger:
        return Check(what, is_good=True, detail="none yet: the first worker makes them")
    except AuditBroken as fault:
        return Check(what, is_good=False, detail=f"{fault}; see bridge audit verify, then resume")
    except BridgeError as fault:
        return Check(what, is_good=False, detail=str(fault))
    return Check(what, is_good=True, detail="takes entries")


async def _scanner(settings: Settings) -> list[Check]:
    """The malware scanner, where there is one: it looks at a document without a byte."""
    if settings.scan.url is None:
        return []
    strict = settings.scan.model_copy(update={"when_unavailable": "fail"})

    async def scan() -> None:
        async with Scanner(strict).scanning() as document:
            await document.verdict()

    return [await _try("malware scanner", scan(), "answers")]


async def _peer(settings: Settings) -> list[Check]:
    """The peer of HL7 v2 messages, where there is one: it is connected to, and nothing is sent."""
    if settings.mllp.peer is None:
        return []
    what = "HL7 v2 peer"
    try:
        await Peer(settings.mllp).try_connection()
    except PeerAway as fault:
        words = tls_sentence(fault.reason)
        return [
            Check(what, is_good=False, detail=f"{fault.reason}: {words}" if words else fault.reason),
        ]
    secured = settings.mllp.peer.startswith("mllps:")
    return [Check(what, is_good=True, detail="connected, with TLS" if secured else "connected, without TLS")]


def _users(settings: Settings) -> list[Check]:
    """The directory of users of the listener, where there is one."""
    if settings.listener.users_file is None:
        return []
    what = "directory of users"
    try:
        found = read_users(settings.listener.users_file)
    except Misconfigured as fault:
        return [Check(what, is_good=False, detail="; ".join(fault.problems))]
    return [Check(what, is_good=True, detail=f"{len(found)} users")]


async def _national_services(settings: Settings) -> AsyncIterator[Check]:
    async with Spine.open(settings) as spine:
        yield await _try("PDS access token", spine.pds.sign_in(), "granted")
        for ods in settings.consumer.organisations:
            yield await _try(f"SDS own ASID of {ods}", spine.sds.own_asid(ods, STRUCTURED_RECORD), "found")


async def _try(what: str, call: Awaitable[object], good: str) -> Check:
    try:
        await call
    except BridgeError as error:
        told = str(error)
        words = tls_sentence(told)
        return Check(what, is_good=False, detail=f"{told}: {words}" if words else told)
    return Check(what, is_good=True, detail=good)
