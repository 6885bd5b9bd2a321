"""Sparing the garbage collector a large bundle."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the cyclic garbage collector while a bundle is parsed and mapped.

    Parsing makes some ten thousand objects at once and mapping adds to them, none of them in a cycle; the
    collector would search all of them over and over, for a quarter of the time that the whole takes. What is
    freed by counting references is freed as ever. Let the bundle go before the pause ends.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
