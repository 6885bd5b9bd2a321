"""Claim checks: an event too large for the bus carries a reference, and consumers fetch its data.

The data waits in the vault, sealed, under a random id. Whoever fetches it presents a credential of its own
(a bearer token; what is stored is its hash), never one that travels with the event: an event in a log or a
dead letter opens nothing. Every opening is noted in the audit trail before anything is handed out.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Final

import orjson
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.engine.http.consumers import read_consumers
from bridge.engine.http.serving import serving
from bridge.engine.journal import Journal
from bridge.ledger import LedgerUnavailable, StoredEvent
from bridge.ledger.audit.trail import AuditBroken
from bridge.ledger.keys import KeyUnknown, NotKept, SealBroken
from bridge.record.dates import rfc3339
from bridge.settings import ClaimsSettings
from bridge.spine.reload import Reloaded

log = structlog.get_logger()

MEDIA_TYPE: Final = "application/json"
_TOKEN = re.compile(r"Bearer (?P<token>[\x21-\x7e]{16,256})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ClaimChecks:
    """Takes the data out of events that are too large, and leaves it in the vault."""

    book: Journal
    settings: ClaimsSettings

    async def check_in(self, request_key: str, messages: Sequence[StoredEvent]) -> list[StoredEvent]:
        """These events, the large ones with a reference; returns when their data is durable.

        Raises:
            LedgerUnavailable: it cannot be kept now.
        """
        if self.settings.url is None:
            return list(messages)
        return [
            await self._check_in(request_key, message, self.settings.url)
            if len(message.body) > self.settings.above_bytes
            else message
            for message in messages
        ]

    async def _check_in(self, request_key: str, message: StoredEvent, url: str) -> StoredEvent:
        event = orjson.loads(message.body)
        expires_at = datetime.now(UTC) + timedelta(days=self.settings.keep_days)
        data = orjson.dumps(event.pop("data"))
        check = await self.book.check_in(request_key, data, MEDIA_TYPE, expires_at)
        event |= {
            "dataref": f"{url.rstrip('/')}/claims/{check.id}",
            "datahash": f"sha256:{check.sha256}",
            "datasize": check.size,
            "dataexpiry": rfc3339(expires_at),
        }
        return StoredEvent(message.id, message.topic, orjson.dumps(event))


@asynccontextmanager
async def claims_endpoint(settings: ClaimsSettings, book: Journal) -> AsyncIterator[None]:
    """Serve ``GET /claims/{id}`` while the block runs; nothing when claim checks are not used.

    200 with the data; 401 without a known token; 404 when there is no such claim, or not any more; 503 when
    the ledger cannot say, or the opening cannot be noted.

    Raises:
        Misconfigured: the consumers' file cannot be read.
    """
    if settings.url is None or settings.consumers_file is None or settings.port is None:
        yield
        return
    file = settings.consumers_file
    desk = _Desk(book, Reloaded("claims_consumers", [file], partial(read_consumers, file)))
    app = Starlette(routes=[Route("/claims/{claim_id}", desk.hand_out, methods=["GET"])])
    async with serving(
        app, host=settings.host, port=settings.port, cert_file=settings.cert_file, key_file=settings.key_file
    ):
        log.info("claims_served", port=settings.port)
        yield


class _Desk:
    def __init__(self, book: Journal, consumers: Reloaded[dict[str, str]]) -> None:
        self._book = book
        self._consumers = consumers

    async def hand_out(self, request: Request) -> Response:
        consumer = _consumer(request.headers, self._consumers())
        if consumer is None:
            log.warning("claim_refused", status=401)
            return Response(status_code=401, headers={"www-authenticate": "Bearer"})
        try:
            check, data = await self._book.check_out(request.path_params["claim_id"], consumer)
        except NotKept:
            log.info("claim_not_kept", consumer=consumer, status=404)
            return Response(status_code=404)
        except (LedgerUnavailable, AuditBroken, KeyUnknown, SealBroken) as fault:
            log.error("claim_not_opened", consumer=consumer, status=503, error=type(fault).__name__)
            return Response(status_code=503)
        log.info("claim_opened", consumer=consumer, status=200, size=check.size)
        headers = {"cache-control": "no-store", "etag": f'"sha256:{check.sha256}"'}
        return Response(data, media_type=check.media_type, headers=headers)


def _consumer(headers: Mapping[str, str], consumers: Mapping[str, str]) -> str | None:
    """Who presents this token. Hashes are looked up, so that no comparison tells how much was right."""
    found = _TOKEN.fullmatch(headers.get("authorization", ""))
    return consumers.get(sha256(found["token"].encode()).hexdigest()) if found else None
