"""A worker in a process of its own, for tests that race it, kill it or watch it: ``child.py race|work|crowd COUNT``.

Settings come from the environment. It says each step on its standard output, after that is durable.
"""

import asyncio
import secrets
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import structlog

from bridge.ledger import Ledger, Started, open_ledger
from bridge.ledger.storage.store import in_turn
from bridge.ledger.vault.vault import KeptAnswer, Vault
from bridge.settings import Settings
from tests.integration.ledger.site import call, events, opening, sealer_in, started
from tests.integration.ledger.trail import Site, entry


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def race(ledger: Ledger, count: int) -> None:
    """Begin the same requests as everybody else."""
    say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    claims = await asyncio.gather(*(ledger.begin(opening(number)) for number in range(count)))
    for number, claim in enumerate(claims):
        say(type(claim).__name__.lower(), number)


async def work(ledger: Ledger, first: int) -> None:
    """Do requests, eight at a time, for ever."""

    async def sender(number: int) -> None:
        while True:
            claim = await ledger.begin(opening(number))
            assert isinstance(claim, Started)
            await ledger.intend(claim.lease, kind="appointment.book", payload=b"{}", settle_key="s")
            say("intended", number)
            await ledger.finish(
                claim.lease, state="completed", code=None, events=events(number), calls=[call(), call()]
            )
            say("finished", number)
            await ledger.published(claim.lease.request_key, [event.id for event in events(number)])
            say("published", number)
            number += 8

    await asyncio.gather(*(sender(first + offset) for offset in range(8)))


async def crowd(folder: Path, ledger: Ledger, count: int) -> None:
    """Requests that begin and end together, with their answers and entries of the audit trail."""
    site = Site(ledger.store, folder)
    vault = Vault(ledger.store, site.sealer, keep_answers=timedelta(days=30))
    await site.trail.prepare()

    async def request(number: int) -> None:
        lease = started(await ledger.begin(opening(number), first=site.trail.check)).lease
        told = entry(number, patient_key=secrets.token_hex(16), outcome="failed")
        answer = await vault.sealed(
            KeptAnswer(
                body=secrets.token_bytes(500),
                sha256=secrets.token_hex(32),
                received_at=datetime.now(UTC),
                request_key=lease.request_key,
                interaction="urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1",
                practice_ods="A12345",
                trace_id=f"t-{number}",
            )
        )
        await ledger.finish(
            lease,
            state="failed",
            code="spine_error",
            events=events(number),
            calls=[call(), call()],
            also=in_turn(answer, site.trail.step(told)),
        )

    for first in range(0, count, 60):
        await asyncio.gather(*(request(first + number) for number in range(60)))
    say("ended", count)


async def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    settings = Settings.load()
    kinds: dict[str, Callable[[Ledger, int], Awaitable[None]]] = {
        "race": race,
        "work": work,
        "crowd": partial(crowd, settings.state_dir / "keys"),
    }
    async with open_ledger(settings, sealer_in(settings.state_dir)) as ledger:
        await kinds[sys.argv[1]](ledger, int(sys.argv[2]))


if __name__ == "__main__":
    asyncio.run(main())
