"""Prometheus's own tool, which reads answers of `/metrics`, and checks and tries rules.

It comes from ``PROMTOOL`` when that is set, else from the path, else from the distribution's package.
"""

import os
import shutil
import subprocess
from pathlib import Path

from tests.support import apt

PACKAGE = "prometheus"


class PromtoolMissingError(Exception):
    """No promtool can be found."""


def promtool(*arguments: str | Path, given: bytes = b"") -> str:
    """What it says of these arguments, with `given` on its standard input; it must be content.

    Raises:
        AssertionError: it is not.
    """
    program = os.environ.get("PROMTOOL") or apt.provided(PACKAGE, installed)
    if program is None:
        raise PromtoolMissingError(f"no promtool: name one in PROMTOOL, or install the package {PACKAGE}")
    done = subprocess.run(
        [program, *map(str, arguments)], input=given, capture_output=True, check=False, timeout=100
    )
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


def installed() -> str | None:
    return shutil.which("promtool")
