"""The pages of `bridge/decisions` have their parts, are listed, and name code that is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "bridge" / "decisions"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
LINK = re.compile(r"\[([^\]]+)\]\(([^)#]+)\)")
SPAN = re.compile(r"`([^`]+)`")


def test_every_page_is_listed_once_by_its_title():
    listed = LINK.findall((FOLDER / "README.md").read_text(encoding="utf-8"))
    titles = [
        (page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# "), page.name) for page in PAGES
    ]
    assert sorted(listed) == sorted(titles)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_its_four_parts_and_names_code_that_is_there(page):
    parts = re.split(r"^## (.+)\n", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert parts[1::2] == ["Context", "Decision", "Consequences", "In the code"]
    assert all(part.strip() for part in parts)
    named = SPAN.findall(parts[-1])
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []
