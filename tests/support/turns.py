"""Taking turns with the other processes of a test run."""

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(what: str) -> Iterator[None]:
    """Nobody else on this machine is in a block of that name while ours runs."""
    with (Path(tempfile.gettempdir()) / f"bridge-tests-{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
