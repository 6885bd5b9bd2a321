"""The mutation script changes what it says it changes, and knows who noticed."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

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


MODULE = """
LIMIT = 3
NAME = "noticed"

def is_over(number):
    if number > LIMIT:
        return True
    return False

def unheard():
    return NAME == "unheard"
"""
TESTS_OF_IT = """
from small import NAME, is_over

def test_over():
    assert is_over(5)
    assert not is_over(1)

def test_name():
    assert NAME == "noticed"
"""
JUDGED = """
import json
from pathlib import Path
from tests.mutants.running import FOLDER, judged

FOLDER.mkdir()
found = judged(Path("small.py"), ["test_small.py"], lambda every: every, processes=2)
print(json.dumps({f"{each.mutant.lines[0]} {each.mutant.change}": each.fate for each in found}))
"""


def test_what_became_of_a_change_is_told(tmp_path: Path):
    (tmp_path / "small.py").write_text(MODULE)
    (tmp_path / "test_small.py").write_text(TESTS_OF_IT)
    done = subprocess.run(
        [sys.executable, "-c", JUDGED],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {
        "2 3 → 4": "survived",
        "3 'noticed' → 'noticed~'": "killed",
        "6 > → >=": "survived",
        "7 returns None": "killed",
        "7 True → False": "killed",
        "8 returns None": "survived",
        "8 False → True": "killed",
        "11 returns None": "unreached",
        "11 == → !=": "unreached",
        "11 'unheard' → 'unheard~'": "unreached",
    }
    assert (tmp_path / "small.py").read_text() == MODULE
