"""``GET /claims/{id}``: the data of a large event, or a document, for consumers with a token of their own.

What is stored of a token is its hash. Every opening is noted in the audit trail before data is handed out.
A document is whatever its author put into it: no browser may guess what it is, run it, or show it in a page.
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from hashlib import sha256

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bridge.credentials.reload import Reloaded
from bridge.credentials.tls import TlsFiles
from bridge.engine.http.consumers import read_consumers
from bridge.engine.http.serving import serving
from bridge.engine.journal.claim_checks import ClaimCheckJournal
from bridge.ledger import LedgerUnavailable
from bridge.ledger.audit.trail import AuditBroken
from bridge.ledger.keys import KeyUnknown, NotKept, SealBroken
from bridge.observe import record
from bridge.observe.vocabulary.process import (
    ClaimNotKept,
    ClaimNotOpened,
    ClaimOpened,
    ClaimRefused,
    ClaimsServed,
)
from bridge.settings import ClaimsSettings

_SAFE = {
    "content-disposition": "attachment",
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
}
_TOKEN = re.compile(r"Bearer (?P<token>[\x21-\x7e]{16,256})", re.ASCII)


@asynccontextmanager
async def claims_endpoint(settings: ClaimsSettings, journal: ClaimCheckJournal) -> AsyncIterator[None]:
    """Serve ``GET /claims/{id}`` while the block runs.

    200 with the data; 401 without a known token; 404 when there is no such claim, or not any more; 503 when
    the ledger cannot say, or the opening cannot be noted.

    Args:
        settings: of a worker that uses claim checks and may start.
        journal: keeps the data.

    Raises:
        Misconfigured: the consumers' file, or one of the certificate's, cannot be read.
    """
    file, port = settings.consumers_file, settings.port
    assert file is not None, "a worker with claim checks does not start without a file of consumers"
    assert port is not None, "nor without a port"
    endpoint = _Endpoint(journal, Reloaded("claims_consumers", [file], partial(read_consumers, file)))
    app = Starlette(routes=[Route("/claims/{claim_id}", endpoint.hand_out, methods=["GET"])])
    tls = TlsFiles.of("BRIDGE_CLAIMS", settings)
    async with serving(app, host=settings.host, port=port, tls=tls):
        record(ClaimsServed(port))
        yield


class _Endpoint:
    def __init__(self, journal: ClaimCheckJournal, consumers: Reloaded[dict[str, str]]) -> None:
        self._journal = journal
        self._consumers = consumers

    async def hand_out(self, request: Request) -> Response:
        consumer = _consumer(request.headers, self._consumers())
        if consumer is None:
            record(ClaimRefused(401))
            return Response(status_code=401, headers={"www-authenticate": "Bearer"})
        try:
            check, data = await self._journal.check_out(request.path_params["claim_id"], consumer)
        except NotKept:
            record(ClaimNotKept(consumer, 404))
            return Response(status_code=404)
        except (LedgerUnavailable, AuditBroken, KeyUnknown, SealBroken) as fault:
            record(ClaimNotOpened(consumer, 503, type(fault).__name__))
            return Response(status_code=503)
        record(ClaimOpened(consumer, 200, check.size))
        headers = {
            "cache-control": "no-store",
            "content-length": str(check.size),
            "content-type": check.media_type,  # as it is: Starlette would add a charset that nobody stated
            "etag": f'"sha256:{check.sha256}"',
            **_SAFE,
        }
        return StreamingResponse(_whole(data, consumer), headers=headers)


async def _whole(data: AsyncIterator[bytes], consumer: str) -> AsyncIterator[bytes]:
    """Part by part; where one cannot be opened the connection breaks off, short of its length."""
    try:
        async for part in data:
            yield part
    except (LedgerUnavailable, KeyUnknown, SealBroken) as fault:
        record(ClaimNotOpened(consumer, 200, type(fault).__name__))
        raise


def _consumer(headers: Mapping[str, str], consumers: Mapping[str, str]) -> str | None:
    """Who presents this token. Hashes are looked up, so that no comparison tells how much was right."""
    found = _TOKEN.fullmatch(headers.get("authorization", ""))
    return consumers.get(sha256(found["token"].encode()).hexdigest()) if found else None
