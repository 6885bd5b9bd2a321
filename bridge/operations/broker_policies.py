"""What `bridge doctor` finds by RabbitMQ's management API: policies that lose messages, rights, the clock.

Policies are an administrator's: they may be put on our queues, or on those that are bound to our events, at
any time, and nothing in AMQP tells of them.
"""

import re
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

import httpx

from bridge.addresses import each_address
from bridge.operations.surroundings import Check, of_clock
from bridge.settings import Settings

_TIMEOUT: Final = 10.0
_PAGE: Final = 500
"""Queues that are looked at, most of them ours."""
_LEAST_DELIVERIES: Final = 20
"""What our queues are declared with: each lost connection counts as a delivery."""
_LENGTHS: Final = ("max-length", "max-length-bytes")
_REFUSING: Final = ("reject-publish", "reject-publish-dlx")
_RIGHTS: Final = ("configure", "write", "read")
_WHAT: Final = "limits of the bus"


async def broker_policies(settings: Settings) -> Sequence[Check]:
    """Policies, rights and clock of a RabbitMQ; nothing of another bus."""
    if (settings.bus.url or "").partition("://")[0] not in ("amqp", "amqps"):
        return []
    if settings.bus.management_url is None:
        return [Check(_WHAT, is_good=True, detail="not checked: BRIDGE_BUS_MANAGEMENT_URL is not set")]
    auth = httpx.BasicAuth(settings.bus.management_user or "", settings.management_password or "")
    try:
        async with httpx.AsyncClient(
            base_url=settings.bus.management_url.rstrip("/"),
            auth=auth,
            verify=ssl.create_default_context(),
            timeout=_TIMEOUT,
            trust_env=False,
        ) as client:
            return [check async for check in _checks(client, settings)]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as fault:
        told = f"answers {fault.response.status_code}" if isinstance(fault, httpx.HTTPStatusError) else None
        told = told or type(fault).__name__
        return [Check(_WHAT, is_good=False, detail=f"management API: {told}: see BRIDGE_BUS_MANAGEMENT_URL")]


async def _checks(client: httpx.AsyncClient, settings: Settings) -> AsyncIterator[Check]:
    bus = urlsplit(each_address(settings.bus.url or "", "BRIDGE_BUS_URL")[0])
    host = quote(unquote(bus.path[1:]) or "/", safe="")
    prefix = settings.bus.prefix
    ours: dict[str, str | int] = {
        "page": 1,
        "page_size": _PAGE,
        "name": f"^{re.escape(prefix)}\\.",
        "use_regex": "true",
    }
    before = datetime.now(UTC)
    answer = await client.get(f"/api/queues/{host}", params=ours)
    after = datetime.now(UTC)
    queues = answer.raise_for_status().json()["items"]
    names = {queue["name"] for queue in queues}
    bound = await client.get(f"/api/exchanges/{host}/{quote(f'{prefix}.events', safe='')}/bindings/source")
    if bound.status_code != HTTPStatus.NOT_FOUND:  # no worker has been here yet
        for binding in bound.raise_for_status().json():
            name = binding["destination"]
            if binding["destination_type"] == "queue" and name not in names:
                names.add(name)
                found = await client.get(f"/api/queues/{host}/{quote(name, safe='')}")
                queues.append(found.raise_for_status().json())
    yield _of_policies(queues)
    # The header has whole seconds: the middle of that second, against the middle of the question.
    told = parsedate_to_datetime(answer.headers["date"]).timestamp() + 0.5
    yield of_clock((before.timestamp() + after.timestamp()) / 2 - told, "the broker's")
    user = unquote(bus.username or "guest")
    rights = await client.get(f"/api/permissions/{host}/{quote(user, safe='')}")
    yield _of_rights(rights, prefix)


def _of_policies(queues: Sequence[Mapping[str, Any]]) -> Check:
    limits = {queue["name"]: list(_losing(queue)) for queue in queues}
    losing = "; ".join(f"{name}: {', '.join(found)}" for name, found in limits.items() if found)
    told = f"a policy loses messages of {losing}: take it away, or set overflow to reject-publish"
    return Check(
        _WHAT, is_good=not losing, detail=told if losing else f"none of {len(queues)} drops messages"
    )


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


def _of_rights(answer: httpx.Response, prefix: str) -> Check:
    what = "rights on the bus"
    if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        told = "not checked: BRIDGE_BUS_MANAGEMENT_USER lacks the tag administrator"
        return Check(what, is_good=True, detail=told)
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return Check(what, is_good=False, detail="our user has none on this virtual host")
    rights = answer.raise_for_status().json()
    needed = {right: [f"{prefix}.requests", f"{prefix}.events", f"{prefix}.any"] for right in _RIGHTS}
    needed["write"].append("amq.default")
    lacking = [
        f"{right} {name}"
        for right, names in needed.items()
        for name in names
        if not re.search(rights[right], name)
    ]
    if lacking:
        return Check(what, is_good=False, detail=f"our user may not {', '.join(lacking)}")
    wide = [right for right in _RIGHTS if re.search(rights[right], "somebody.else")]
    told = f"enough; wider than needed: {', '.join(wide)}" if wide else "enough, and no wider than needed"
    return Check(what, is_good=True, detail=told)
