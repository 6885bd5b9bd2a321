"""Jobs that this process runs: begun by a page, and looked at by any.

How a job stands is in the ledger, so a run that ends with this process goes on when somebody runs it again.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from bridge.engine.outcomes import places
from bridge.errors import BridgeError
from bridge.observe import record
from bridge.observe.vocabulary.console import ConsoleFailed
from bridge.tasks import end

_AT_ONCE: Final = 4


class TooManyRuns(BridgeError):  # noqa: N818 - what the case is
    """As many jobs as may are run already."""

    def __init__(self) -> None:
        super().__init__(f"{_AT_ONCE} jobs are run already: wait until one has ended")


class Runs:
    """The runs of this process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def begin(self, run: Coroutine[Any, Any, Any]) -> None:
        """Run a job beside the pages.

        Raises:
            TooManyRuns: as many as may are run already.
        """
        if len(self._tasks) >= _AT_ONCE:
            run.close()
            raise TooManyRuns
        task = asyncio.create_task(self._watch(run))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self) -> None:
        """End all of them after what is in hand; their jobs can be run again."""
        await end(*self._tasks)

    async def _watch(self, run: Coroutine[Any, Any, Any]) -> None:
        try:
            await run
        except Exception as error:  # noqa: BLE001 - nobody waits for it: what is told is in the log
            record(ConsoleFailed("jobs", type(error).__name__, places(error)))
