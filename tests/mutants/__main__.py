"""``make mutants``: what no test notices, as a table and in ``.mutants/survivors.txt``.

``make mutants ARGS="bridge/engine/retry.py --sample 50"``: of one module, and of the changes that many, drawn at random.
"""

import argparse
import os
import random
import sys
from pathlib import Path

from tests.mutants.operators import Mutant
from tests.mutants.running import FOLDER, Verdict, judged, load_once
from tests.mutants.targets import ROOT, TARGETS

FATES = ("killed", "survived", "unreached")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make mutants")
    parser.add_argument("modules", nargs="*", type=Path, help="some of the targets; none: all of them")
    parser.add_argument("--sample", type=int, help="so many changes of each module, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="draw others")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args(arguments)
    os.chdir(ROOT)
    work = [(file, target.tests) for target in TARGETS for file in target.files()]
    unknown = set(given.modules) - {file for file, _ in work}
    if unknown:
        parser.error(f"no target: {', '.join(sorted(map(str, unknown)))}")

    def chosen(every: list[Mutant]) -> list[Mutant]:
        if given.sample is None or given.sample >= len(every):
            return every
        drawn = random.Random(given.seed).sample(every, given.sample)
        return sorted(drawn, key=lambda mutant: mutant.number)

    FOLDER.mkdir(exist_ok=True)
    load_once()
    lines: list[str] = []
    for file, tests in work:
        if given.modules and file not in given.modules:
            continue
        verdicts = list(judged(file, tests, chosen, processes=given.processes))
        lines += _told(file, verdicts)
    (FOLDER / "survivors.txt").write_text("\n".join(lines) + "\n")
    return 0


def _told(file: Path, verdicts: list[Verdict]) -> list[str]:
    counts = {fate: sum(verdict.fate == fate for verdict in verdicts) for fate in FATES}
    lines = [
        f"{file}: {len(verdicts)} changes, " + ", ".join(f"{count} {fate}" for fate, count in counts.items())
    ]
    left = sorted(
        (verdict for verdict in verdicts if verdict.fate != "killed"),
        key=lambda verdict: verdict.mutant.number,
    )
    lines += [f"  {each.fate:<9}  {file}:{each.mutant.lines[0]}  {each.mutant.change}" for each in left]
    for line in lines:
        print(line, flush=True)
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
