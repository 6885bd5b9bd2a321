"""The glossary names what exists, each word once."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "bridge/GLOSSARY.md"
ROW = re.compile(r"^\| ([^|`]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
ROWS = [row for row in ROW.findall(PAGE.read_text(encoding="utf-8")) if row[0] != "Word"]


@pytest.mark.parametrize(("word", "where"), [(word, where) for word, _, where in ROWS])
def test_where_a_word_lives_exists(word: str, where: str):
    paths = re.findall(r"`([^`]+)`", where)
    assert paths
    assert [
        path
        for path in paths
        if not (ROOT / ("" if path.startswith("pipelines/") else "bridge") / path).is_file()
    ] == []


def test_each_word_has_one_meaning():
    words = [word for word, _, _ in ROWS]
    assert words
    assert len(set(words)) == len(words)
