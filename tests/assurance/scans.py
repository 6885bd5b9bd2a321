"""Tools that look at the code and at what it depends on, run for the assurance pack: ``bandit`` and ``pip-audit``.

Each is told as it ended. One that could not look at everything says of what; nothing that was not looked at counts
as found sound.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from tests.assurance.hazards import ROOT, Sentence

SCANNED = ("bridge", "pipelines")
ACCEPTED = Path(__file__).parent / "security" / "accepted.toml"
_SECONDS = 600


class Accepted(BaseModel):
    """Lines that bandit complains of, and why they are as they should be.

    Attributes:
        test: of bandit, ``B101``.
        lines: of the file, without the blanks around them; one that changes must be looked at again.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    test: str
    file: str
    why: Sentence
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScanFinding:
    """What bandit found in one line; `why` it is as it should be, or None: nobody has said."""

    test: str
    file: str
    line: int
    severity: str
    words: str
    why: str | None


@dataclass(frozen=True, slots=True)
class CodeScan:
    """What bandit found.

    Attributes:
        lines: of code that it read.
        findings: in the order of files and lines.
        not_run: why it found nothing at all; None: it ran to its end.
    """

    lines: int = 0
    findings: tuple[ScanFinding, ...] = ()
    not_run: str | None = None

    @property
    def unexplained(self) -> list[ScanFinding]:
        """What somebody must look at."""
        return [finding for finding in self.findings if finding.why is None]


@dataclass(frozen=True, slots=True)
class KnownWeakness:
    """A published weakness of a package in the version that is locked."""

    package: str
    version: str
    id: str
    mended_in: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DependencyScan:
    """What is known of the packages that an installation has.

    Attributes:
        looked_up: how many were.
        left_out: names of those that the service said nothing of: nothing is known of them.
        weaknesses: by package.
        not_run: why nothing was looked up; None: something was.
    """

    looked_up: int = 0
    left_out: tuple[str, ...] = ()
    weaknesses: tuple[KnownWeakness, ...] = ()
    not_run: str | None = None


def accepted(file: Path = ACCEPTED) -> list[Accepted]:
    """What was looked at and is as it should be."""
    return [
        Accepted.model_validate(entry)
        for entry in tomllib.loads(file.read_text(encoding="utf-8"))["accepted"]
    ]


def scan_code(root: Path = ROOT) -> CodeScan:
    """Run bandit over the code that is installed."""
    done = _run(
        [sys.executable, "-m", "bandit", "--quiet", "--recursive", *SCANNED, "--format", "json"], root
    )
    report = _json(done.stdout)
    if report is None or report["errors"]:
        return CodeScan(not_run=f"bandit ended with {done.returncode} and read not all files")
    return read_code_scan(report, accepted())


def read_code_scan(report: Mapping[str, Any], known: Sequence[Accepted], root: Path = ROOT) -> CodeScan:
    """A report of bandit, with the reason of each finding that has one."""
    reasons = {(each.test, each.file, line): each.why for each in known for line in each.lines}
    texts: dict[str, list[str]] = {}
    findings = []
    for found in report["results"]:
        file = found["filename"].removeprefix("./")
        if file not in texts:
            texts[file] = (root / file).read_text(encoding="utf-8").splitlines()
        number = found["line_number"]
        why = reasons.get((found["test_id"], file, texts[file][number - 1].strip()))
        findings.append(
            ScanFinding(
                found["test_id"], file, number, found["issue_severity"].lower(), found["issue_text"], why
            )
        )
    findings.sort(key=lambda finding: (finding.file, finding.line, finding.test))
    return CodeScan(report["metrics"]["_totals"]["loc"], tuple(findings))


def scan_dependencies(root: Path = ROOT) -> DependencyScan:
    """Ask the service of PyPI for known weaknesses of all that an installation with every extra has."""
    export = [sys.executable, "-m", "uv", "export", "--frozen", "--quiet", "--no-dev", "--all-extras"]
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "requirements.txt"
        made = _run([*export, "--no-emit-project", "--output-file", str(wanted)], root)
        if made.returncode != 0:
            return DependencyScan(not_run="what is installed could not be listed")
        audit = ["--requirement", str(wanted), "--no-deps", "--disable-pip", "--progress-spinner", "off"]
        done = _run([sys.executable, "-m", "pip_audit", *audit, "--format", "json", "--timeout", "10"], root)
    report = _json(done.stdout)
    if report is None:
        return DependencyScan(not_run="no access to the service that knows of weaknesses")
    return read_dependency_scan(report)


def read_dependency_scan(report: Mapping[str, Any]) -> DependencyScan:
    """A report of pip-audit. It ends well also where the service knew none of the packages, as a mirror's does."""
    looked_up = [each for each in report["dependencies"] if "skip_reason" not in each]
    left_out = tuple(sorted(each["name"] for each in report["dependencies"] if "skip_reason" in each))
    if not looked_up:
        return DependencyScan(
            left_out=left_out, not_run="no access to the service that knows of weaknesses: it knew no package"
        )
    weaknesses = tuple(
        KnownWeakness(each["name"], each["version"], weak["id"], tuple(weak["fix_versions"]))
        for each in sorted(looked_up, key=lambda each: str(each["name"]))
        for weak in sorted(each["vulns"], key=lambda weak: str(weak["id"]))
    )
    return DependencyScan(len(looked_up), left_out, weaknesses)


def _run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, -1, "", "")


def _json(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
