"""A worker in a process of its own, for the tests that race it or kill it: ``child.py race|work COUNT``.

Settings come from the environment. It says each step on its standard output, after that is durable.
"""

import asyncio
import sys

import structlog

from bridge.ledger import Ledger, Started, open_ledger
from bridge.settings import Settings
from tests.integration.ledger.site import call, events, opening, sealer_in


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


async def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    settings = Settings.load()
    what = {"race": race, "work": work}[sys.argv[1]]
    async with open_ledger(settings, sealer_in(settings.state_dir)) as ledger:
        await what(ledger, int(sys.argv[2]))


if __name__ == "__main__":
    asyncio.run(main())
