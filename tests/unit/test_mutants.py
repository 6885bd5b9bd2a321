"""The mutation script changes what it says it changes, and knows who noticed."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.equivalents import equivalents
from tests.mutants.operators import changed, mutants
from tests.mutants.targets import ROOT, TARGETS


def changes(source):
    """Each change in words, with the program that it makes."""
    return {
        mutant.change: ast.unparse(changed(source, mutant.number)).splitlines()[-1].strip()
        for mutant in mutants(source)
    }


@pytest.mark.parametrize(
    ("source", "change", "becomes"),
    [
        ("x = a == b", "== → !=", "x = a != b"),
        ("x = a <= b", "<= → <", "x = a < b"),
        ("x = a is None", "is → is not", "x = a is not None"),
        ("x = a in b", "in → not in", "x = a not in b"),
        ("x = a and b", "and → or", "x = a or b"),
        ("x = not a", "not left out", "x = a"),
        ("x = a if b else c", "if and else exchanged", "x = c if b else a"),
        ("x = a + b", "Add → Sub", "x = a - b"),
        ("x = True", "True → False", "x = False"),
        ("x = 3", "3 → 4", "x = 4"),
        ("x = {'code': a}", "'code' → 'code~'", "x = {'code~': a}"),
        ("def f():\n    return a", "returns None", "return None"),
        ("def f():\n    g()", "left out", "pass"),
        ("if a:\n    raise b", "left out", "pass"),
        ("a.b = c", "left out", "pass"),
        ("a += b", "left out", "pass"),
        ("for a in b:\n    continue", "continue → break", "break"),
        ("f(a=[g(b, c < d)])", "< → <=", "f(a=[g(b, c <= d)])"),
        ("match a:\n    case b if c > d:\n        e = f > g", "> → >=", "e = f >= g"),
        ("try:\n    a\nexcept b:\n    c = d or e", "or → and", "c = d and e"),
    ],
)
def test_one_thing_is_changed(source, change, becomes):
    assert changes(source)[change] == becomes


@pytest.mark.parametrize(
    "source",
    [
        '"""What it is, ten_words_long."""',
        "def f(a: Literal['b'] = c) -> Literal['d']:\n    '''Docstring.'''",
        "x: Final[Literal['b']] = y",
        "class A(TypedDict, total=False):\n    b: str",
        "x = 'prose is left alone'",
        "log.info('event', code=1)",
        "assert a == 3",
        "__all__ = ['a']",
        "def f():\n    return None",
    ],
)
def test_what_says_nothing_of_behaviour_is_left_alone(source):
    assert mutants(source) == []


def test_each_change_is_one_and_has_its_line():
    source = "a = 1\nif b == 2:\n    c = f(\n        3,\n    )\n"
    found = mutants(source)
    assert [(mutant.change, mutant.lines[0]) for mutant in found] == [
        ("1 → 2", 1),
        ("== → !=", 2),
        ("2 → 3", 2),
        ("3 → 4", 4),
    ]
    assert found[3].statement == range(3, 6)
    assert len({ast.unparse(changed(source, mutant.number)) for mutant in found}) == len(found)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.modules)
def test_targets_and_their_tests_exist(target):
    assert target.files()
    assert all((ROOT / test).exists() for test in target.tests)
    assert any(mutants(Path(ROOT / file).read_text(encoding="utf-8")) for file in target.files())


@pytest.mark.parametrize("each", equivalents(), ids=lambda each: f"{each.module} {each.change}")
def test_what_is_said_to_change_nothing_is_a_change_of_a_target(each):
    source = Path(ROOT / each.module).read_text(encoding="utf-8")
    assert Path(each.module) in {file for target in TARGETS for file in target.files()}
    assert each.numbers(source, mutants(source))


MODULE = """
LIMIT = 3
NAME = "noticed"

def is_over(number):
    if number > LIMIT:
        return True
    return False

def unheard():
    return NAME == "unheard"

def same(number):
    return number + 0
"""
TESTS_OF_IT = """
import time
from small import NAME, is_over, same

def test_dear():
    time.sleep(0.5)
    assert not is_over(3)

def test_over():
    assert is_over(5)
    assert not is_over(1)

def test_name():
    assert NAME == "noticed"
    assert same(3) == 3
"""
BROKEN = """
from small import is_over

def test_broken():
    assert is_over(0)
"""
JUDGED = """
import contextlib
import io
import json
from pathlib import Path
from tests.mutants.forks import tested
from tests.mutants.reach import KEPT, known, measure
from tests.mutants.running import judged

file, tests = Path("small.py"), ["test_small.py", "test_broken.py"]
with contextlib.redirect_stdout(io.StringIO()):
    tested(["--collect-only", "test_nothing.py"], plugins=())

def measured():
    broken = measure([file], {file: tests}, processes=2)
    return broken, (KEPT / "test_small.py.json").stat().st_mtime_ns

broken, first = measured()
_, again = measured()
found = judged(file, known(file, tests), lambda every: every, processes=2, seconds=0.2, equivalent={NOTHING})
told = {
    f"{each.mutant.lines[0]} {each.mutant.change}": f"{each.fate} {each.judges}/{each.reaching}" for each in found
}
file.write_text(file.read_text() + "# changed")
_, anew = measured()
print(json.dumps([broken, told, again == first, anew == first]), flush=True)
"""


def test_what_became_of_a_change_is_told_and_what_was_measured_is_kept(tmp_path: Path):
    (tmp_path / "small.py").write_text(MODULE)
    (tmp_path / "test_small.py").write_text(TESTS_OF_IT)
    (tmp_path / "test_broken.py").write_text(BROKEN)
    (tmp_path / "test_nothing.py").write_text("def test_nothing(): ...")
    [nothing] = [each.number for each in mutants(MODULE) if each.change == "Add → Sub"]
    done = subprocess.run(
        [sys.executable, "-c", JUDGED.replace("NOTHING", str(nothing))],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    broken, told, is_kept, is_kept_of_another = json.loads(done.stdout)
    assert broken == ["test_broken.py::test_broken"]
    # What is dear does not run where others have taken the time already; what fails anyway judges nothing.
    assert told == {
        "2 3 → 4": "survived 2/3",
        "3 'noticed' → 'noticed~'": "killed 0/0",
        "6 > → >=": "survived 1/2",
        "7 returns None": "killed 0/0",
        "7 True → False": "killed 0/0",
        "8 returns None": "survived 1/2",
        "8 False → True": "killed 0/0",
        "11 returns None": "unreached 0/0",
        "11 == → !=": "unreached 0/0",
        "11 'unheard' → 'unheard~'": "unreached 0/0",
        "14 returns None": "killed 0/0",
        "14 Add → Sub": "equivalent 0/0",
        "14 0 → 1": "killed 0/0",
    }
    assert (is_kept, is_kept_of_another) == (True, False)
    assert (tmp_path / "small.py").read_text() == f"{MODULE}# changed"
