"""``python -m tests.assurance.pack DIR``: the whole pack. Exit code 1 when something in it forbids a release."""

import argparse
import sys
from pathlib import Path

from bridge.assurance import FAILED, write_pack
from tests.assurance.pack.facts import RESULTS, tree_facts
from tests.assurance.pack.parts import PARTS
from tests.assurance.pack.questions import QUESTIONS


def main(arguments: list[str] | None = None) -> int:
    """Write the pack, and say where it is and what forbids a release.

    Returns:
        0; 1 when something forbids a release.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.assurance.pack", description=__doc__)
    parser.add_argument("folder", type=Path, help="where to write")
    parser.add_argument("--results", type=Path, default=RESULTS, help="JUnit XML of the run of the tests")
    options = parser.parse_args(arguments)

    fails = write_pack(options.folder, tree_facts(options.results), PARTS, QUESTIONS)
    print(options.folder / "index.html")
    print(*(f"{FAILED} {line}" for line in fails), sep="\n", file=sys.stderr)
    return 1 if fails else 0


if __name__ == "__main__":
    sys.exit(main())
