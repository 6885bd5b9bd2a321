"""System: settings with their source, versions, certificates, queues; and the switch of retries."""

from datetime import timedelta

from starlette.responses import Response

from bridge.console.asked import PageRequest
from bridge.console.page import ConsolePage
from bridge.console.pages.queues import queue_states
from bridge.console.rights import Right
from bridge.operations import installation, retries
from bridge.operations.practices import directory


async def _show(asked: PageRequest) -> Response:
    settings = asked.site.settings
    return asked.page(
        "system.html",
        settings=installation.shown_settings(settings),
        versions=installation.versions(),
        certificates=installation.certificates(settings),
        soon=timedelta(days=30),
        queues=await asked.site.of_bus(queue_states),
        switch=retries.look(settings),
        directory=await asked.site.of_ledger(directory),
    )


async def _stop(asked: PageRequest) -> Response:
    async with asked.site.stores() as stores:
        await retries.stop(stores, actor=asked.actor, reason=asked.field("reason"))
    return asked.to("/system", told="Automated retries are stopped.")


async def _allow(asked: PageRequest) -> Response:
    async with asked.site.stores() as stores:
        await retries.allow(stores, actor=asked.actor, reason=asked.field("reason"))
    return asked.to("/system", told="Automated retries are made again.")


PAGES = (
    ConsolePage("/system", Right.SEE_SYSTEM, _show, title="System"),
    ConsolePage("/system/retries/stop", Right.SWITCH_RETRIES, _stop, "POST"),
    ConsolePage("/system/retries/allow", Right.SWITCH_RETRIES, _allow, "POST"),
)
