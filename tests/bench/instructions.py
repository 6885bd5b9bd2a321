"""How many instructions mapping, rendering and encoding take, counted by Valgrind: no clock, no noise.

Counts are told as shares of a reference loop in the same interpreter, and held against
``tests/bench/instructions.json``: a case may not rise by more than a twentieth. Where one has to,
``INSTRUCTIONS='why it rises' make bench ARGS=instructions`` renews the table, and keeps the reason with it.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypedDict

from tests.bench import parts
from tests.bench.result import Result
from tests.support import apt

TABLE: Final = Path(__file__).with_suffix(".json")
MAY_RISE: Final = 1.05
_TOTALS: Final = re.compile(r"^totals: (\d+)", re.MULTILINE)


class _Rise(TypedDict):
    """Why a case takes more than before; shares of the reference loop."""

    case: str
    before: float
    now: float
    why: str


class _Table(TypedDict):
    """What is committed."""

    shares: dict[str, float]
    rises: list[_Rise]


def run() -> list[Result]:
    """One result for each case; of one that is not in the table yet, a note."""
    counts = count()
    shares = {name: each / counts["reference"] for name, each in counts.items() if name != "reference"}
    table: _Table = json.loads(TABLE.read_text()) if TABLE.exists() else {"shares": {}, "rises": []}
    if why := os.environ.get("INSTRUCTIONS"):
        _renew(table, shares, why)
    return [_result(name, share, counts[name], table["shares"].get(name)) for name, share in shares.items()]


def _renew(table: _Table, shares: Mapping[str, float], why: str) -> None:
    new = {name: round(share, 6) for name, share in shares.items()}
    for name, share in new.items():
        before = table["shares"].get(name)
        if before is not None and share > before * MAY_RISE:
            table["rises"].append({"case": name, "before": before, "now": share, "why": why})
    table["shares"] = new
    TABLE.write_text(json.dumps(table, indent=2) + "\n")


def _result(name: str, share: float, count: int, committed: float | None) -> Result:
    ratio = share / committed if committed else 0.0
    note = f"{count / 1e6:.2f} M instructions"
    holds = committed is not None and ratio <= MAY_RISE
    return Result(f"instructions: {name}", round(ratio, 3), f"<= {MAY_RISE}", holds, note)


def count() -> Mapping[str, int]:
    """Instructions of each case."""
    with parts.folder() as folder:
        printed = subprocess.run(
            [
                _valgrind(),
                "--tool=callgrind",
                f"--callgrind-out-file={folder / 'out'}",
                "--dump-before=getppid*",
                sys.executable,
                "-m",
                "tests.bench.counted_work",
            ],
            check=True,
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONHASHSEED": "0", "PYTHONMALLOC": "pymalloc"},
        ).stdout
        names = json.loads(printed)
        # Before the first mark: everything that is loaded; then each case between two of them.
        return {name: _total(folder / f"out.{2 * (number + 1)}") for number, name in enumerate(names)}


def _total(file: Path) -> int:
    found = _TOTALS.search(file.read_text(errors="replace"))
    assert found is not None, f"{file} tells of no instructions"
    return int(found[1])


def _valgrind() -> str:
    found = apt.provided(
        "valgrind", lambda: Path("/usr/bin/valgrind") if Path("/usr/bin/valgrind").exists() else None
    )
    assert found is not None, "no valgrind: install the package valgrind"
    return str(found)
