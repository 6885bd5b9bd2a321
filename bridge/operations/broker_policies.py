"""What `bridge doctor` finds by RabbitMQ's management API: policies, unread queues, rights, the clock.

Policies are an administrator's: they may be put on our queues, or on those that are bound to our events, at
any time, and nothing in AMQP tells of them.
"""

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import httpx

from bridge.addresses import each_address
from bridge.bus.rabbit.management import TROUBLE, Management, management, why
from bridge.operations.surroundings import Check, of_clock
from bridge.settings import Settings

_LEAST_DELIVERIES: Final = 20
"""What our queues are declared with: each lost connection counts as a delivery."""
_UNREAD: Final = 1000
"""Events in a queue that nobody reads at the moment, from which on it is told."""
_LENGTHS: Final = ("max-length", "max-length-bytes")
_REFUSING: Final = ("reject-publish", "reject-publish-dlx")
_WHAT: Final = "limits of the bus"
_RIGHTS_OF: Final = "rights on the bus"
_PUTS_REQUESTS: Final = "bridge replay run, the console's replays, bridge mllp listen and bridge send"


async def broker_policies(settings: Settings) -> Sequence[Check]:
    """Policies, rights and clock of a RabbitMQ; nothing of another bus."""
    if (settings.bus.url or "").partition("://")[0] not in ("amqp", "amqps"):
        return []
    if settings.bus.management_url is None:
        return [Check(_WHAT, is_good=True, detail="not checked: BRIDGE_BUS_MANAGEMENT_URL is not set")]
    try:
        async with management(settings) as asked:
            return [check async for check in _checks(asked, settings)]
    except TROUBLE as fault:
        return [Check(_WHAT, is_good=False, detail=why(fault))]


async def _checks(asked: Management, settings: Settings) -> AsyncIterator[Check]:
    bus = urlsplit(each_address(settings.bus.url or "", "BRIDGE_BUS_URL")[0])
    prefix = settings.bus.prefix
    before = datetime.now(UTC)
    answer = await asked.page_of_queues(prefix)
    after = datetime.now(UTC)
    queues = answer.json()["items"]
    names = {queue["name"] for queue in queues}
    for binding in await asked.bindings_of(f"{prefix}.events"):
        name = binding["destination"]
        if binding["destination_type"] == "queue" and name not in names:
            names.add(name)
            if found := await asked.one("queues", name):
                queues.append(found)
    yield _of_policies(queues)
    yield _of_readers([queue for queue in queues if not queue["name"].startswith(f"{prefix}.")])
    # The header has whole seconds: the middle of that second, against the middle of the question.
    told = parsedate_to_datetime(answer.headers["date"]).timestamp() + 0.5
    yield of_clock((before.timestamp() + after.timestamp()) / 2 - told, "the broker's")
    if settings.bus.cert_file and not bus.username:
        yield Check(_RIGHTS_OF, is_good=True, detail="not checked: our certificate names the user")
        return
    user = unquote(bus.username or "guest")
    yield _of_rights(await asked.ask("permissions", user), prefix, declares=settings.bus.declare == "make")


def _of_policies(queues: Sequence[Mapping[str, Any]]) -> Check:
    limits = {queue["name"]: list(_losing(queue)) for queue in queues}
    losing = "; ".join(f"{name}: {', '.join(found)}" for name, found in limits.items() if found)
    told = f"a policy loses messages of {losing}: take it away, or set overflow to reject-publish"
    return Check(
        _WHAT, is_good=not losing, detail=told if losing else f"none of {len(queues)} drops messages"
    )


def _of_readers(queues: Sequence[Mapping[str, Any]]) -> Check:
    """Whether somebody reads what is bound to our events: one that is full in the end stops every worker."""
    unread = "; ".join(
        f"{queue['name']}, which holds {queue['messages']} events"
        for queue in queues
        if not queue.get("consumers") and (queue.get("messages") or 0) >= _UNREAD
    )
    told = f"nobody reads {unread}: when it is full the workers wait"
    good = f"{len(queues)} queues bound, none of them left unread" if queues else "no queue is bound"
    return Check("readers of the events", is_good=not unread, detail=told if unread else good)


def _losing(queue: Mapping[str, Any]) -> Iterator[str]:
    """By which policies of an administrator this queue drops messages; its own arguments are its owner's."""
    policy = queue.get("effective_policy_definition") or {}
    arguments = queue.get("arguments") or {}
    yield from (f"{limit} {policy[limit]}" for limit in ("message-ttl", "expires") if limit in policy)
    overflow = policy.get("overflow", arguments.get("x-overflow"))
    if overflow not in _REFUSING:
        yield from (f"{limit} {policy[limit]}" for limit in _LENGTHS if limit in policy)
    deliveries = policy.get("delivery-limit")
    if isinstance(deliveries, int) and 0 <= deliveries < _LEAST_DELIVERIES:
        yield f"delivery-limit {deliveries}"


def _of_rights(answer: httpx.Response, prefix: str, *, declares: bool) -> Check:
    what = _RIGHTS_OF
    if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        told = "not checked: BRIDGE_BUS_MANAGEMENT_USER lacks the tag administrator"
        return Check(what, is_good=True, detail=told)
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return Check(what, is_good=False, detail="our user has none on this virtual host")
    rights = answer.raise_for_status().json()
    requests, events, queue = (f"{prefix}.{name}" for name in ("requests", "events", "any"))
    ours = [requests, events, queue]
    if declares:
        needed = {"configure": ours, "write": [*ours, "amq.default"], "read": ours}
    else:
        # Delay queues and dead letters are reached by the default exchange; nothing is made or bound.
        needed = {"configure": [], "write": [events, "amq.default"], "read": [queue]}
    lacking = [
        f"{right} {name}"
        for right, names in needed.items()
        for name in names
        if not re.search(rights[right], name)
    ]
    if lacking:
        return Check(what, is_good=False, detail=f"our user may not {', '.join(lacking)}")
    wide = [
        right
        for right, names in needed.items()
        if any(re.search(rights[right], name) for name in ("somebody.else", *(() if names else ours)))
    ]
    told = f"enough; wider than needed: {', '.join(wide)}" if wide else "enough, and no wider than needed"
    if not re.search(rights["write"], requests):
        told += f"; for a worker alone: {_PUTS_REQUESTS} write to {requests} too"
    return Check(what, is_good=True, detail=told)
