"""``bridge keys adopt``: the one command of key rings that needs the ledger."""

import asyncio

import typer

from bridge.cli.site import load_settings, open_books, operator
from bridge.ledger.audit.trail import Entry
from bridge.ledger.storage.fingerprints import forgetting
from bridge.settings import Settings


def adopt(reason: str, actor: str | None) -> None:
    """Let the ledger be kept with the keys of the next worker that starts."""
    if not reason.strip():
        raise typer.BadParameter("must say something", param_hint="--reason")
    asyncio.run(_adopt(load_settings(), reason, actor))


async def _adopt(settings: Settings, reason: str, actor: str | None) -> None:
    entry = Entry(
        event="keys.adopted",
        outcome="completed",
        actor=operator(settings, actor),
        facts={"reason": reason},
    )
    async with open_books(settings) as books:
        await books.ledger.store.write(forgetting(also=books.trail.step(entry)))
