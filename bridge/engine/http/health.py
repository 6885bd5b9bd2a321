"""``/livez``, ``/readyz`` and ``/metrics`` of a worker, for the platform that runs it."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from http import HTTPStatus

import orjson

from bridge.engine.http.probes import Shown, answering
from bridge.figures import Figures
from bridge.figures.table import CONTENT_TYPE
from bridge.settings import HealthSettings

Readiness = Callable[[], Awaitable[Mapping[str, bool]]]
"""Asks each thing that a process needs whether it is there."""


@contextlib.asynccontextmanager
async def health_endpoints(
    settings: HealthSettings,
    readiness: Readiness,
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

    async def livez() -> Shown:
        return _json({"live": True})

    async def readyz() -> Shown:
        parts = await readiness()
        is_ready = all(parts.values())
        status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
        return _json({"ready": is_ready, **parts}, status)

    async def metrics() -> Shown:
        return Shown(HTTPStatus.OK, await figures.text(), CONTENT_TYPE)

    paths = {b"/livez": livez, b"/readyz": readyz, b"/metrics": metrics}
    async with answering(paths, host=settings.host, port=settings.port):
        yield


async def ready_while(serving: Callable[[], Readiness | None]) -> Mapping[str, bool]:
    """What a process says of itself that starts, serves and stops while it is asked.

    Args:
        serving: how it is asked while it serves; None before that, and from its stop on.
    """
    asked = serving()
    if asked is not None:
        try:
            return await asked()
        except Exception:
            if serving() is asked:
                raise
    return {"started": False}  # or it stops: what was asked may be closed by now


def _json(told: Mapping[str, bool], status: HTTPStatus = HTTPStatus.OK) -> Shown:
    return Shown(status, orjson.dumps(told), "application/json")
