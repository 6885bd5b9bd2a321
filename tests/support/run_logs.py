"""Every log line of a test run in one folder, so that patients can be looked for in all of them at its end.

Lines of the test process itself go to ``process.log``, by the project's own logging at level debug. Logs of
children and brokers are linked in from where they are written, so that they outlive the folder of their test.
Outside a test run (``make bench``) nothing is kept.
"""

import io
import itertools
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from bridge.observe import configure_logging
from bridge.record.nhs_number import is_valid_nhs_number

PROCESS = "process.log"
CHILD = "child"
SERVER = "server"

_TEN_DIGITS = re.compile(r"(?<!\d)(\d{3})([ -]?|%20)(\d{3})\2(\d{4})(?!\d)")
# Ids, hashes and addresses of objects are taken out first: ten digits in a row are nothing special there.
_ID = re.compile(
    r"\b(?:0x[0-9a-f]+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=\d*[a-f])[0-9a-f]{16,})\b",
    re.IGNORECASE,
)
# The net under the rule: a line in which the redaction had to hide a number was never meant to be written.
# What it hides of tokens and passwords is its own job, and stands in the line as such.
_CAUGHT = re.compile(r"(?<!Bearer )\[redacted\](?!@)")
_TEST_RANGE = "999"

_folder: Path | None = None
_number = itertools.count(1)


@contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """Keep what this process logs while the block runs, and what `keep` is told of."""
    global _folder  # noqa: PLW0603 - one run per process, as there is one logging per process
    before = structlog.get_config()
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    with (folder / PROCESS).open("wb") as file, _Tee(file, encoding="utf-8", write_through=True) as stream:
        configure_logging("debug", "json", stream)
        _folder = folder
        try:
            yield
        finally:
            _folder = None
            structlog.configure(**before)
            root.handlers, root.level = handlers, level


class _Tee(io.TextIOWrapper):
    """To the file, and to where pytest shows it when a test fails."""

    def write(self, text: str) -> int:
        sys.stderr.write(text)
        return super().write(text)


def keep(log: Path, kind: str) -> None:
    """Keep a log that something else writes; call it once the file is there."""
    if _folder is not None:
        os.link(log, _folder / f"{kind}-{next(_number)}-{log.name}")


def leaks(folder: Path) -> list[str]:
    """Where a patient can be read in the logs, as ``file:line``, never the line itself."""
    return [
        f"{file.relative_to(folder)}:{number}"
        for file in sorted(found for found in folder.rglob("*") if found.is_file())
        for number, line in enumerate(
            file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1
        )
        if _tells(line, file.name.startswith(SERVER))
    ]


def _tells(line: str, is_server: bool) -> bool:
    # A broker counts bytes and ticks in ten digits too: there only the range counts that test patients are of.
    numbers = ("".join(found.group(1, 3, 4)) for found in _TEN_DIGITS.finditer(_ID.sub("", line)))
    return any(
        is_valid_nhs_number(number) and (not is_server or number.startswith(_TEST_RANGE))
        for number in numbers
    ) or (not is_server and _CAUGHT.search(line) is not None)
