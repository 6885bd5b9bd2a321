"""``bridge run``, and beside it a thread that tells how many tasks its event loop has.

The last argument is the file that it writes the number to, each second; those before it are the worker's own.
"""

import asyncio
import sys
import threading
import time
from functools import partial
from pathlib import Path

import uvloop

from bridge.cli import main

_PAUSE = 1.0


class _Watched:
    """Makes the event loop, and remembers it."""

    loop: uvloop.Loop | None = None

    def __call__(self) -> uvloop.Loop:
        self.loop = uvloop.new_event_loop()
        return self.loop


def _watch(watched: _Watched, file: Path) -> None:
    while True:
        time.sleep(_PAUSE)
        if watched.loop is not None:
            draft = file.with_suffix(".draft")
            draft.write_text(str(len(asyncio.all_tasks(watched.loop))))
            draft.rename(file)


if __name__ == "__main__":
    watched = _Watched()
    uvloop.run = partial(uvloop.run, loop_factory=watched)
    threading.Thread(target=_watch, args=(watched, Path(sys.argv.pop())), daemon=True).start()
    main()
