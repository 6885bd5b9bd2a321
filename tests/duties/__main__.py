"""``python -m tests.duties``: which duties are proven, which are the deployer's, which are open."""

import argparse
import sys
from collections.abc import Iterable, Mapping
from enum import StrEnum

from tests.duties.proofs import collect
from tests.duties.register import Duty, load


class Status(StrEnum):
    """Where a duty stands. Only `OPEN` fails the gate."""

    PROVEN = "proven"
    DEPLOYER = "deployer's"
    OPEN = "open"
    LATER = "later area"


def status(duty: Duty, tests: Mapping[str, list[str]]) -> Status:
    """A test that claims the duty proves it; else the deployer may own it, or a later area."""
    if duty.met_by == "deployer":
        return Status.DEPLOYER
    if duty.id in tests:
        return Status.PROVEN
    return Status.LATER if duty.later else Status.OPEN


def lines(duties: Iterable[Duty], tests: Mapping[str, list[str]]) -> Iterable[str]:
    """The duties of one digest, one below the other, each with its proof."""
    for duty in duties:
        place = f" [{duty.area}]" if duty.area else ""
        yield f"  {duty.id}  {status(duty, tests):<10}  {duty.level}{place}: {duty.words}"
        if duty.met_by == "deployer":
            yield f"          they: {duty.deployer_note}"
        yield from (f"          by {test}" for test in tests.get(duty.id, []))


def summary(digest: str, duties: list[Duty], tests: Mapping[str, list[str]]) -> str:
    """How many duties of a digest stand where."""
    found = [status(duty, tests) for duty in duties]
    counts = ", ".join(f"{found.count(kind)} {kind}" for kind in Status)
    return f"{digest}: {len(duties)} duties: {counts}"


def main(arguments: list[str] | None = None) -> int:
    """Print the report.

    Returns:
        0; 1 when a duty of a digest named by ``--digest`` is open; 2 when the report cannot be trusted.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.duties", description=__doc__)
    parser.add_argument(
        "--digest", default="", help="comma-separated; exit 1 when one of their duties is open"
    )
    parser.add_argument("tests", nargs="*", help="files or folders to collect instead of the whole of tests/")
    options = parser.parse_args(arguments)

    duties = load()
    digests = sorted({duty.digest for duty in duties.values()})
    wanted = [name.strip().upper() for name in options.digest.split(",") if name.strip()]
    if missing := set(wanted) - set(digests):
        parser.error(f"no such digest: {', '.join(sorted(missing))}; there are {', '.join(digests)}")

    proofs = collect(duties.keys(), options.tests)
    shown = wanted or digests
    groups = {name: [duty for duty in duties.values() if duty.digest == name] for name in shown}
    for group in groups.values():
        print(*lines(group, proofs.tests), "", sep="\n")
    print(*(summary(name, group, proofs.tests) for name, group in groups.items()), sep="\n")
    if proofs.problems:
        print(*proofs.problems, sep="\n", file=sys.stderr)
        return 2
    left = [duty.id for name in wanted for duty in groups[name] if status(duty, proofs.tests) is Status.OPEN]
    if left:
        print(f"open: {', '.join(left)}", file=sys.stderr)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
