"""Wheel, source distribution, version and notes: what `make release` relies on, without installing anything."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.release.lock import ROOT
from tests.release.notes import CHANGELOG, ReleaseNotes, sections, written
from tests.release.packages import ReleaseError, build, digest, faults_of_wheel, tracked_files
from tests.release.version import DECLARED, of

EPOCH = 1_796_000_000


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=A Tester", "-c", "user.email=tester@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


def test_the_wheel_holds_what_git_has_of_the_packages_and_nothing_else(tmp_path: Path):
    tracked = tracked_files(ROOT)
    (wheel,) = build(ROOT, tmp_path, "wheel", epoch=EPOCH)
    assert faults_of_wheel(wheel, tracked) == []
    assert faults_of_wheel(wheel, [*tracked, "bridge/gone.sql"]) == [f"{wheel.name} lacks bridge/gone.sql"]
    without = [name for name in tracked if name != "bridge/py.typed"]
    assert faults_of_wheel(wheel, without) == [f"{wheel.name} holds bridge/py.typed"]
    with zipfile.ZipFile(wheel) as archive:
        assert {each.date_time for each in archive.infolist()} == {(2026, 11, 30, 0, 53, 20)}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A repository that takes its version as this one does, with a package of one file."""
    folder = tmp_path / "small"
    (folder / "small").mkdir(parents=True)
    (folder / "small" / "__init__.py").write_text("", encoding="utf-8")
    here = folder / "tests" / "release"
    here.mkdir(parents=True)
    (here / "version.py").write_bytes((ROOT / "tests" / "release" / "version.py").read_bytes())
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "small"\ndynamic = ["version"]\nrequires-python = ">=3.11"\n'
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n' + hatch_version(),
        encoding="utf-8",
    )
    git(tmp_path, "init", "--quiet", "small")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "First")
    return folder


def hatch_version() -> str:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    table = text[text.index("[tool.hatch.version]") :]
    return table[: table.index("\n[", 1)]


def test_the_version_is_that_of_the_tag_and_without_one_what_the_source_declares(small: Path):
    assert of(small) == DECLARED
    git(small, "tag", "v0.1.0")
    assert of(small) == "0.1.0"
    git(small, "commit", "--quiet", "--allow-empty", "--message", "Second")
    assert of(small).startswith(f"{DECLARED}.dev1+g")
    git(small, "tag", "not-a-version")
    assert of(small).startswith(f"{DECLARED}.dev1+g")
    git(small, "tag", "--annotate", "--message", "Later", "v7.8.9")
    git(small, "commit", "--quiet", "--allow-empty", "--message", "Third")
    assert of(small).startswith("7.8.10.dev1+g")
    assert of(small / "small") == DECLARED  # not the tags of a repository around it


def test_the_same_bytes_come_of_another_folder_and_of_the_source_distribution(small: Path, tmp_path: Path):
    git(small, "tag", "v7.8.9")
    sdist, wheel = build(small, tmp_path / "first", "sdist", "wheel", epoch=EPOCH)
    git(tmp_path, "clone", "--quiet", "small", "clone")
    again = build(tmp_path / "clone", tmp_path / "second", "sdist", "wheel", epoch=EPOCH)
    assert [digest(path) for path in again] == [digest(sdist), digest(wheel)]
    assert wheel.name == "small-7.8.9-py3-none-any.whl"
    subprocess.run([sys.executable, "-m", "tarfile", "-e", str(sdist), str(tmp_path)], check=True)
    (of_sdist,) = build(tmp_path / "small-7.8.9", tmp_path / "third", "wheel", epoch=EPOCH)
    assert (of_sdist.name, digest(of_sdist)) == (wheel.name, digest(wheel))


def test_what_cannot_be_built_is_told(tmp_path: Path):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "small"\n', encoding="utf-8")
    with pytest.raises(ReleaseError, match="wheel cannot be built"):
        build(tmp_path, tmp_path / "target", "wheel", epoch=EPOCH)


def test_the_changelog_begins_with_the_version_that_the_source_declares():
    first, *others = sections(CHANGELOG.read_text(encoding="utf-8"))
    assert first.version == DECLARED
    assert [each.version for each in others if each.day is None] == []
    assert all(each.text for each in (first, *others))


def test_the_notes_are_the_section_of_a_version_with_links_as_names_of_files():
    changelog = "# Changelog\n\n## [Unreleased] 1.1.0\n\n- New: [how](deploy/README.md#how) and [why](https://example.org/a).\n\n"
    changelog += "## [1.0.0] - 2026-11-23\n\n- Old\n"
    coming, old = sections(changelog)
    assert (coming.version, coming.day, old.text) == ("1.1.0", None, "- Old")
    assert (
        written(coming).splitlines()[2] == "- New: how (`deploy/README.md`) and [why](https://example.org/a)."
    )
    assert written(old) == "# gpconnect-bridge 1.0.0, 23 November 2026\n\n- Old\n"
    assert isinstance(old, ReleaseNotes)


@pytest.mark.parametrize("heading", ["## 1.0.0", "## [1.0.0]", "## [Unreleased]"])
def test_a_heading_that_names_no_version_is_refused(heading: str):
    with pytest.raises(ReleaseError, match="is neither"):
        sections(f"# Changelog\n\n{heading}\n\n- New\n")
