"""On SQLite a request waits for the disk where a loss of power would take what nothing makes good."""

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import Connection

from bridge.ledger import Ledger
from tests.integration.ledger.site import events, opening, started

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)

AT_A_CHECKPOINT, AT_THE_COMMIT = 1, 2
"""When the log is forced to the disk: ``PRAGMA synchronous`` is NORMAL, or FULL."""


class Seen(dict[str, int]):
    def under(self, name: str) -> Callable[[Connection], None]:
        """A step that looks how the transaction that it is in is committed."""

        def step(connection: Connection) -> None:
            self[name] = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()

        return step


async def test_how_a_request_ends_is_on_the_disk_and_that_it_began_with_it(ledger: Ledger):
    seen = Seen()
    lease = started(await ledger.begin(opening(1), first=seen.under("begin"))).lease
    await ledger.finish(lease, state="completed", code=None, events=events(1), also=seen.under("finish"))
    await ledger.begin(opening(2), first=seen.under("begin the next"))
    await ledger.store.write(seen.under("anything else"))
    assert seen == {
        "begin": AT_A_CHECKPOINT,
        "finish": AT_THE_COMMIT,
        "begin the next": AT_A_CHECKPOINT,
        "anything else": AT_THE_COMMIT,
    }


async def test_what_shares_a_commit_with_it_is_on_the_disk_too(ledger: Ledger):
    seen = Seen()
    lease = started(await ledger.begin(opening(1))).lease
    await asyncio.gather(
        ledger.begin(opening(2), first=seen.under("begin")),
        ledger.finish(lease, state="completed", code=None, events=events(1), also=seen.under("finish")),
    )
    assert seen == {"begin": AT_THE_COMMIT, "finish": AT_THE_COMMIT}
