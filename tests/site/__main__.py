"""Builds the documentation site: ``python -m tests.site [FOLDER]``, by default ``.site``."""

import sys
from pathlib import Path

from tests.site.build import BuildError, build
from tests.site.check import faults
from tests.site.sources import ROOT


def main() -> int:
    """Build and check; 0 when there is nothing to complain of."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".site"
    try:
        build(folder)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    found = list(faults(folder))
    for fault in found:
        print(fault, file=sys.stderr)
    print(f"{len(list(folder.rglob('*.html')))} pages: open {folder / 'index.html'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
