"""structlog, without the library that it would draw errors with.

Where `rich` is at hand structlog loads it, which is 5 MB of a worker, and nobody here draws with it. That no
values of variables are shown, whoever loaded it, is seen to in `bridge.observe.logs`.
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
