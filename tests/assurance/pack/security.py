"""``security.md``: threats and the lists of OWASP with their tests, what tools found, and a brief for a penetration test."""

from pathlib import Path
from typing import Final

from bridge.assurance import PackPart, PartSummary
from tests.assurance.pack.facts import PAGES, TreeFacts
from tests.assurance.scans import CodeScan, DependencyScan, scan_code, scan_dependencies
from tests.assurance.threats import flows, lines, owasp

_FUZZERS: Final = "tests/fuzz/"
_NAME: Final = "security.md"


def write(folder: Path, facts: TreeFacts) -> PartSummary:
    """Run the tools, which takes a minute, and write the document and its page."""
    return write_found(folder, facts, scan_code(facts.root), scan_dependencies(facts.root))


def write_found(folder: Path, facts: TreeFacts, code: CodeScan, dependencies: DependencyScan) -> PartSummary:
    """Write what was found."""
    of_flows, lists = flows(), owasp()
    named = list(lines(of_flows, lists))
    results = {test: facts.run.of(test).result for line in named for test in line.tests}
    standing = {test for test, result in results.items() if result == "passed"}
    fuzzed = {test: found for test, found in facts.run.outcomes.items() if test.startswith(_FUZZERS)}
    PAGES.document(
        folder / _NAME,
        f"{_NAME}.jinja",
        facts,
        title="Security",
        flows=of_flows,
        lists=lists,
        results=results,
        code=code,
        dependencies=dependencies,
        fuzzed=fuzzed,
        started_at=facts.run.started_at,
    )
    unproven = [line for line in named if line.missing(standing)]
    failed = sorted(test for test, result in results.items() if result == "failed")
    modelled = (
        f"A threat model by STRIDE of {len(of_flows)} flows, and two lists of OWASP: {len(named)} lines, "
        f"{len(named) - len(unproven)} of them with every test passed in this run."
    )
    return PartSummary(
        covers=(modelled, _told(code)),
        open=tuple(_open(code, dependencies, unproven=len(unproven))),
        theirs=(
            "A penetration test of the deployed system by somebody independent; the brief for it is there.",
        ),
        fails=tuple(f"A test of the security page failed: {test}" for test in failed),
        files=(_NAME,),
    )


def _told(code: CodeScan) -> str:
    if code.not_run:
        return f"Static analysis of the code was not run: {code.not_run}."
    return f"Static analysis (bandit) read {code.lines:,} lines: {len(code.findings)} findings, {len(code.unexplained)} of them without an explanation."


def _open(code: CodeScan, dependencies: DependencyScan, *, unproven: int) -> list[str]:
    found = ["No penetration test has been made."]
    if unproven:
        found.append(
            f"{unproven} lines of the threat model and of OWASP's lists name a test that did not pass in this run."
        )
    if code.not_run or code.unexplained:
        found.append("Static analysis was not run, or has findings that nobody has explained.")
    if dependencies.not_run:
        found.append(
            f"Known weaknesses of dependencies: not run ({dependencies.not_run}). Nothing is known of them here."
        )
    elif dependencies.weaknesses or dependencies.left_out:
        found.append(
            f"Known weaknesses of dependencies: {len(dependencies.weaknesses)} found, {len(dependencies.left_out)} packages not looked up."
        )
    return found


PART: Final = PackPart(
    "security.html",
    "Security",
    "How could somebody attack it, what is done about each way, which tests prove that, and what did tools find?",
    write,
)
