"""structlog, without the library that it would draw errors with.

Where `rich` is at hand structlog loads it, and on a terminal shows the values of all variables around an
error: what a patient's record holds, too. Nobody here draws with it, and it is 5 MB of a worker.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["structlog"]


@contextmanager
def _as_if_not_installed(library: str) -> Iterator[None]:
    if library in sys.modules:
        yield
        return
    sys.modules[library] = None  # type: ignore[assignment]  # how Python is told that there is none
    try:
        yield
    finally:
        del sys.modules[library]


with _as_if_not_installed("rich"):
    import structlog
