"""``/livez``, ``/readyz`` and ``/metrics`` of a worker, for the platform that runs it."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.engine.http.serving import serving
from bridge.figures import Figures
from bridge.figures.table import CONTENT_TYPE
from bridge.settings import HealthSettings


@contextlib.asynccontextmanager
async def health_endpoints(
    settings: HealthSettings,
    readiness: Callable[[], Awaitable[Mapping[str, bool]]],
    figures: Figures,
) -> AsyncIterator[None]:
    """Serve the three endpoints while the block runs; nothing when no port is set.

    ``/livez`` answers 200 while the event loop turns. ``/readyz`` answers 200 while the bus and every
    consumer on it, the ledger, the certificates and the clock are as a request needs them, else 503; it
    names each. ``/metrics`` answers 200, with what can be said (`bridge.figures`).
    """
    if settings.port is None:
        yield
        return

    async def livez(_request: Request) -> JSONResponse:
        return JSONResponse({"live": True})

    async def readyz(_request: Request) -> JSONResponse:
        parts = await readiness()
        is_ready = all(parts.values())
        return JSONResponse({"ready": is_ready, **parts}, status_code=200 if is_ready else 503)

    async def metrics(_request: Request) -> Response:
        return Response(await figures.text(), headers={"Content-Type": CONTENT_TYPE})

    routes = [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)]
    app = Starlette(routes=routes)
    async with serving(app, host=settings.host, port=settings.port):
        yield
