"""``make mutants``: what no test notices, as a table and in ``.mutants/survivors.txt``.

``make mutants ARGS="bridge/engine/retry.py --sample 50"``: of one module, and of the changes that many, drawn at random.
"""

import argparse
import contextlib
import io
import os
import random
import re
import shutil
import sys
from functools import partial
from pathlib import Path

from tests.mutants.equivalents import equivalents
from tests.mutants.forks import load_once
from tests.mutants.operators import Mutant, mutants
from tests.mutants.reach import FOLDER, KEPT, known, measure
from tests.mutants.running import Verdict, judged
from tests.mutants.targets import ROOT, TARGETS

FATES = ("killed", "survived", "unreached", "equivalent")
TOLD = ("survived", "unreached")
SURVIVORS = FOLDER / "survivors.txt"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make mutants")
    parser.add_argument("modules", nargs="*", type=Path, help="some of the targets; none: all of them")
    parser.add_argument("--sample", type=int, help="so many changes of each module, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="draw others")
    parser.add_argument("--seconds", type=float, default=30, help="that the tests of one change may take")
    parser.add_argument("--again", action="store_true", help="only what survived the last time")
    parser.add_argument("--anew", action="store_true", help="forget which tests come to which line")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args(arguments)
    os.chdir(ROOT)
    every = {file: target.tests for target in TARGETS for file in target.files()}
    if unknown := set(given.modules) - set(every):
        parser.error(f"no target: {', '.join(sorted(map(str, unknown)))}")
    modules = given.modules or list(every)

    survived = _survived() if given.again else None

    def chosen(file: Path, found: list[Mutant]) -> list[Mutant]:
        if survived is not None:
            return [each for each in found if _named(file, each) in survived]
        if given.sample is None or given.sample >= len(found):
            return found
        drawn = random.Random(given.seed).sample(found, given.sample)
        return sorted(drawn, key=lambda mutant: mutant.number)

    if given.anew:
        shutil.rmtree(KEPT, ignore_errors=True)
    FOLDER.mkdir(exist_ok=True)
    tests = dict.fromkeys(test for module in modules for test in every[module])
    with contextlib.redirect_stdout(io.StringIO()):
        load_once(list(tests), compiled=FOLDER / "compiled")
    for test in measure(modules, every, processes=given.processes):
        print(f"fails without any change, and so judges nothing: {test}", flush=True)
    lines: list[str] = []
    for file in modules:
        verdicts = judged(
            file,
            known(file, every[file]),
            partial(chosen, file),
            processes=given.processes,
            seconds=given.seconds,
            equivalent=_equivalent(file),
        )
        lines += _told(file, list(verdicts))
    SURVIVORS.write_text("\n".join(lines) + "\n")
    return 0


def _equivalent(file: Path) -> set[int]:
    source = file.read_text(encoding="utf-8")
    every = mutants(source)
    return {
        number for each in equivalents() if each.module == str(file) for number in each.numbers(source, every)
    }


def _named(file: Path, mutant: Mutant) -> str:
    return f"{file}:{mutant.lines[0]}  {mutant.change}"


def _survived() -> set[str]:
    """Changes that stand in the list of the last run, by name."""
    lines = SURVIVORS.read_text(encoding="utf-8").splitlines()
    found = (re.fullmatch(r"  survived +(.+?)(?:  \(\d+ of \d+ tests\))?", line) for line in lines)
    return {each[1] for each in found if each is not None}


def _told(file: Path, verdicts: list[Verdict]) -> list[str]:
    counts = {fate: sum(verdict.fate == fate for verdict in verdicts) for fate in FATES}
    lines = [
        f"{file}: {len(verdicts)} changes, " + ", ".join(f"{count} {fate}" for fate, count in counts.items())
    ]
    left = sorted(
        (verdict for verdict in verdicts if verdict.fate in TOLD), key=lambda verdict: verdict.mutant.number
    )
    for each in left:
        judges = f"  ({each.judges} of {each.reaching} tests)" if each.judges < each.reaching else ""
        lines.append(f"  {each.fate:<9}  {_named(file, each.mutant)}{judges}")
    for line in lines:
        print(line, flush=True)
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
