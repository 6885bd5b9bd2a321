"""``bridge run``, and beside it a thread that tells how many tasks its event loop has.

The last argument is the file that it writes the number to, each second; those before it are the worker's own.
"""

import asyncio
import sys
import threading
import time
from pathlib import Path

from bridge.cli import main

_PAUSE = 1.0


class _Watched(asyncio.DefaultEventLoopPolicy):
    """Remembers the event loop."""

    loop: asyncio.AbstractEventLoop | None = None

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        self.loop = super().new_event_loop()
        return self.loop


def _watch(policy: _Watched, file: Path) -> None:
    while True:
        time.sleep(_PAUSE)
        if policy.loop is not None:
            draft = file.with_suffix(".draft")
            draft.write_text(str(len(asyncio.all_tasks(policy.loop))))
            draft.rename(file)


if __name__ == "__main__":
    watched = _Watched()
    asyncio.set_event_loop_policy(watched)
    threading.Thread(target=_watch, args=(watched, Path(sys.argv.pop())), daemon=True).start()
    main()
