"""Files of bundles, read for ``bridge map`` and ``bridge check``."""

import sys
from pathlib import Path

from bridge.operations.bundles import NotABundle


def read(file: Path) -> bytes:
    """What stands in a file, or on standard input.

    Raises:
        NotABundle: it cannot be read.
    """
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise NotABundle(f"cannot be read: {error.strerror}") from None
