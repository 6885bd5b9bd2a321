"""Memory of a process that runs for long: blocks that are free again, and what is loaded for good."""

import contextlib
import ctypes
import gc
from collections.abc import Iterator
from typing import Final

_MMAP_THRESHOLD: Final = -3
"""``M_MMAP_THRESHOLD`` of mallopt(3)."""
_LARGE: Final = 128 * 1024
"""Bytes: what glibc begins with."""


def keep_large_blocks_apart() -> None:
    """Have each block of 128 KiB or more go back to the system as soon as it is free.

    Every read from a socket asks for 256 KiB and keeps what came. glibc maps such a block by itself, but
    takes the next from its heap once it saw one freed, and what stays behind leaves a hole: a worker grew by
    3 KB with each request, 60 MB with 20,000. Without glibc nothing is done.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Around the loading of modules, which stay: no cycles are looked for among them, now or later.

    Loading makes half a million objects, and each look goes through all that are there so far: together a
    seventh of the loading.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
