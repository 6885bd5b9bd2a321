"""Memory of a process that runs for long: blocks that are free again, and what is loaded for good."""

import contextlib
import ctypes
import gc
from collections.abc import Callable, Iterator
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
"""``M_TRIM_THRESHOLD`` and ``M_MMAP_THRESHOLD`` of mallopt(3)."""
_LARGE: Final = 256 * 1024
"""Bytes: what a read asks for, of TLS on libuv's loop and of any socket on Python's own."""
_MOMENTARY: Final = 4 * 1024 * 1024
"""Bytes that may be taken from the heap for a moment: to parse 350 KB."""
_SPARE: Final = 2 * _MOMENTARY
"""Bytes: more than a request has free and asks for again, in the loop and in the ledger's thread."""

_mallopt: Callable[[int, int], int] | None = None
"""mallopt(3), once large blocks are kept apart."""


def keep_large_blocks_apart() -> None:
    """Have each block of 256 KiB or more go back to the system as soon as it is free.

    Many a read asks for that much and keeps what came. glibc maps such a block by itself, but takes the next
    from its heap once it saw one freed, and what stays behind leaves a hole: a worker grew by 3 KB with each
    request, 60 MB with 20,000. Without glibc nothing is done.

    Smaller ones, such as most records and events, come from the heap: of one that is mapped, each page is a
    fault, a twentieth of what a record of 242 KB costs.

    Told this, glibc no longer learns either how much to keep at the end of the heap. It would give back all
    but 128 KiB and get it anew, page by page, for the next request: a fiftieth of a worker's time, and once a
    sixth, by what else is in the heap. So it is told that as well.
    """
    global _mallopt  # noqa: PLW0603 - it is the heap of the process
    with contextlib.suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.PyDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _LARGE)
        mallopt(_TRIM_THRESHOLD, _SPARE)
        _mallopt = mallopt


@contextlib.contextmanager
def large_blocks_from_heap() -> Iterator[None]:
    """Around what takes a large block for a moment and leaves no hole: it comes from the heap all the same.

    To parse a text, orjson asks for a block of twelve times its size, writes to a fifth of it and gives it
    back before it returns. Were it mapped, each page written to would be a fault: a third of the parsing.
    """
    if _mallopt is None:
        yield
        return
    _mallopt(_MMAP_THRESHOLD, _MOMENTARY)
    try:
        yield
    finally:
        _mallopt(_MMAP_THRESHOLD, _LARGE)


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
