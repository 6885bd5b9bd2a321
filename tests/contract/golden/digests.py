"""Digests of what must come out byte for byte as it did before; ``GOLDEN=write`` writes them anew."""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

_PASSING = re.compile(
    rb"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}|127\.0\.0\.1:\d+"
)
"""What differs from run to run: random ids, and the ports of the servers."""


def digest(body: bytes) -> str:
    return hashlib.sha256(_PASSING.sub(b"", body)).hexdigest()


def compare(file: Path, found: Mapping[str, str]) -> None:
    """Hold `found`, digests by name, to those in the file.

    Raises:
        AssertionError: with the names of which something else came out.
    """
    if os.environ.get("GOLDEN") == "write":
        file.write_text("".join(f"{value}  {name}\n" for name, value in sorted(found.items())))
    lines = (line.split("  ", 1) for line in file.read_text().splitlines())
    written = {name: value for value, name in lines}
    assert sorted(found) == sorted(written)
    assert [name for name, value in found.items() if written[name] != value] == []
