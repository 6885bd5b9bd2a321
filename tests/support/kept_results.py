"""What a long run came to, kept for the assurance pack: with the commit that it ran on, and when."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
WEEK: Final = ROOT / ".artefacts" / "week.json"
BENCH: Final = ROOT / ".bench" / "latest.json"
BENCH_RUN: Final = ROOT / ".bench" / "run.json"


@dataclass(frozen=True, slots=True)
class KeptResult:
    """What was kept.

    Attributes:
        commit: that it ran on, as ``make test`` names it; None where there is no repository.
        ended_at: when.
        content: whatever the run says of itself.
    """

    commit: str | None
    ended_at: datetime
    content: Mapping[str, Any] = field(default_factory=dict)


def keep(file: Path, content: Mapping[str, Any]) -> None:
    """Keep what a run came to; what an earlier one did is written over."""
    file.parent.mkdir(parents=True, exist_ok=True)
    told = {"commit": commit(), "ended_at": datetime.now(UTC).isoformat(timespec="seconds"), **content}
    file.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def kept(file: Path) -> KeptResult | None:
    """What was kept there; None: nothing."""
    if not file.is_file():
        return None
    told = json.loads(file.read_text(encoding="utf-8"))
    return KeptResult(told.pop("commit"), datetime.fromisoformat(told.pop("ended_at")), told)


def commit(root: Path = ROOT) -> str | None:
    """The commit of a tree; ``…-changed`` when files differ from it."""
    found = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False
    ).stdout.strip()
    differs = subprocess.run(["git", "diff", "--quiet", "HEAD"], cwd=root, capture_output=True, check=False)
    return found + ("-changed" if differs.returncode else "") if found else None
