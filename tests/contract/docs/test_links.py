"""Links between the pages of the repository lead to files that are there, and to headings that they have."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LISTED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
    cwd=ROOT,
    capture_output=True,
    check=True,
    text=True,
)
PAGES = sorted(ROOT / name for name in set(LISTED.stdout.splitlines()) if (ROOT / name).is_file())
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
KIT = ("CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "CODEOWNERS")


def anchors(page):
    """What the headings of a page are called in a link."""
    titles = HEADING.findall(FENCED.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def broken(page):
    for link in LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8"))):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page):
    assert list(broken(page)) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A title, `coded`\n[a](page.md) [b](#a-title-coded) [c](gone.md) [d](page.md#gone) [e](https://a.example/b)\n"
    )
    assert list(broken(page)) == ["gone.md", "page.md#gone"]


@pytest.mark.parametrize("name", KIT)
def test_a_contributor_finds_it_from_the_front_page(name):
    assert f"]({name})" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", ["ISSUE_TEMPLATE/bug.yml", "ISSUE_TEMPLATE/feature.yml", "pull_request_template.md"]
)
def test_whoever_writes_to_the_project_is_told_to_leave_patients_out(name):
    text = (ROOT / ".github" / name).read_text(encoding="utf-8")
    assert "Never post patient data or NHS numbers" in text


@pytest.mark.parametrize(
    "pattern", re.findall(r"^(/\S+)", (ROOT / "CODEOWNERS").read_text(encoding="utf-8"), re.MULTILINE)
)
def test_what_is_reviewed_apart_is_there(pattern):
    assert (ROOT / pattern.lstrip("/")).exists()
