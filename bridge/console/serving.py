"""The console, served until it is stopped."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from bridge.console.app import application
from bridge.console.door import Door
from bridge.console.jobs import Runs
from bridge.console.listening import check, listening
from bridge.console.site import open_site
from bridge.console.templating import templates
from bridge.credentials.tls import TlsFiles
from bridge.engine.http.gate import PortLimits
from bridge.engine.http.serving import serving
from bridge.errors import Misconfigured
from bridge.observe import record
from bridge.observe.vocabulary.console import ConsoleServed
from bridge.settings import Settings

__all__ = ["check", "console", "run_console"]


@asynccontextmanager
async def console(settings: Settings) -> AsyncIterator[str]:
    """Serve the console while the block runs; its address, as browsers reach it.

    Raises:
        Misconfigured: it may not start with these settings, or its port is taken.
    """
    check(settings)
    place, pages = listening(settings.console), templates()
    door, runs = Door(settings, pages), Runs()
    async with open_site(settings) as site:
        app = application(site, door, pages, runs, place)
        options = settings.console
        try:
            async with serving(
                app,
                host=options.host,
                port=options.port,
                tls=TlsFiles.of("BRIDGE_CONSOLE", options),
                limits=replace(PortLimits(), silence=_SILENCE),
            ):
                record(ConsoleServed(options.port))
                yield place.url
        except OSError as error:
            raise Misconfigured(f"BRIDGE_CONSOLE_PORT: cannot be listened on ({error.strerror})") from None
        finally:
            await runs.end()


_SILENCE = 75.0
"""Seconds for which a browser may keep a connection without asking."""


async def run_console(settings: Settings) -> None:
    """Serve the console until SIGTERM or SIGINT.

    Raises:
        Misconfigured: as `console`.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    async with console(settings):
        await stopping.wait()
