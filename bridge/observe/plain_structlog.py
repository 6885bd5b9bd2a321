"""structlog, without the libraries that it would draw errors and colours with.

Where they are at hand structlog loads them. `rich` alone is 5 MB of a worker, and nobody here draws with any
of them; colours on Unix need none. That no values of variables are shown, whoever loaded them, is seen to in
`bridge.observe.logs`.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["structlog"]


@contextmanager
def _as_if_not_installed(*libraries: str) -> Iterator[None]:
    hidden = [each for each in libraries if each not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # how Python is told that there is none
    try:
        yield
    finally:
        for each in hidden:
            del sys.modules[each]


with _as_if_not_installed("rich", "better_exceptions", "colorama"):
    import structlog
