"""Make a release, all but the upload: ``make release`` fills `dist/`, or says why it cannot.

The commit is built twice, in two folders, and once more from its own source distribution: the bytes must be the same.
The wheel is then installed where there is no source, and used. Without a tag on the commit it is a rehearsal, and says so.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

from tests.release import installed, licences, notes, sbom
from tests.release.lock import PROJECT, ROOT, LockedNeedsError
from tests.release.packages import (
    ReleaseError,
    build,
    digest,
    faults_of_sdist,
    faults_of_wheel,
    tracked_files,
    unpacked,
)
from tests.release.version import DECLARED, of

DIST: Final = ROOT / "dist"


def main() -> None:
    """Make it."""
    if _git("status", "--porcelain"):
        raise ReleaseError("commit first: a release is made of a commit, and files here differ from it")
    version = _version()
    with tempfile.TemporaryDirectory(prefix="bridge-release-") as name:
        folder = Path(name)
        made = _same_bytes(folder)
        wheel = next(path for path in made if path.suffix == ".whl")
        if installed.named(wheel) != version:
            raise ReleaseError(f"the wheel calls itself {installed.named(wheel)}, the commit {version}")
        for line in installed.try_wheel(wheel, _new(folder / "installed"), version):
            _tell(line)
        _tell(installed.try_pipx(wheel, _new(folder / "pipx"), version))
        shutil.rmtree(DIST, ignore_errors=True)
        DIST.mkdir()
        for path in made:
            shutil.copy(path, DIST)
    _papers(version)
    for path in sorted(DIST.iterdir()):
        _tell(f"dist/{path.name}")


def _version() -> str:
    """What the commit is, and whether the source says the same where git is not asked."""
    version, tagged = of(ROOT), bool(_git("tag", "--points-at", "HEAD", "v*"))
    if not tagged:
        _tell(f"a rehearsal of {version}: the commit has no tag v{DECLARED}")
    elif version != DECLARED:
        raise ReleaseError(
            f"the tag says {version}, version.py {DECLARED}: an archive of it would say the other"
        )
    elif notes.notes_of(version).day is None:
        raise ReleaseError(f"CHANGELOG.md has {version} as unreleased: give its heading the day")
    return version


def _same_bytes(folder: Path) -> list[Path]:
    """Wheel and source distribution, after they came out the same three times."""
    epoch = int(_git("log", "-1", "--format=%ct"))
    with _commit(folder / "one") as one, _commit(folder / "another" / "place") as other:
        tracked = tracked_files(one)
        first = build(one, folder / "first", "sdist", "wheel", epoch=epoch)
        second = build(other, folder / "second", "sdist", "wheel", epoch=epoch)
    (third,) = build(unpacked(first[0], _new(folder / "unpacked")), folder / "third", "wheel", epoch=epoch)
    for path, again in zip([*first, first[1]], [*second, third], strict=True):
        if digest(path) != digest(again):
            raise ReleaseError(f"{path.name} is not the same each time: {path} and {again}")
    if faults := faults_of_sdist(first[0], tracked) + faults_of_wheel(first[1], tracked):
        raise ReleaseError("\n".join(faults))
    _tell(
        "wheel and source distribution: the same bytes of two folders, the wheel also of the source distribution"
    )
    return first


@contextmanager
def _commit(folder: Path) -> Iterator[Path]:
    """The commit in a folder of its own."""
    _git("worktree", "add", "--quiet", "--detach", str(folder), "HEAD")
    try:
        yield folder
    finally:
        _git("worktree", "remove", "--force", str(folder))


def _papers(version: str) -> None:
    """What lies beside the packages: SBOM, licences, notes, digests."""
    (DIST / "sbom.wheel.cdx.json").write_text(sbom.as_json(sbom.of_wheel()), encoding="utf-8")
    (DIST / "sbom.image.cdx.json").write_text(sbom.as_json(sbom.of_image()), encoding="utf-8")
    (DIST / "LICENCES.tsv").write_text(licences.as_text(licences.table()), encoding="utf-8")
    (DIST / "LICENCE-TEXTS.txt").write_text(_texts(), encoding="utf-8")
    (DIST / "NOTES.md").write_text(notes.written(notes.notes_of(DECLARED)), encoding="utf-8")
    sums = [f"{digest(path)}  {path.name}\n" for path in sorted(DIST.iterdir())]
    (DIST / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")


def _texts() -> str:
    """The licence files that the packages bring, under the name of each."""
    parts = []
    for row in licences.table():
        texts = [text for _, text in licences.texts_in(distribution(row.package.name))]
        said = "\n\n".join(texts) or f"(the package brings no text; it says: {row.licence.words})"
        parts.append(f"{'=' * 78}\n{row.package.name} {row.package.version}\n{'=' * 78}\n\n{said.strip()}\n")
    return "\n".join(parts)


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()


def _tell(line: str) -> None:
    print(f"- {line}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (ReleaseError, LockedNeedsError, licences.UnknownLicenceError) as error:
        sys.exit(f"{PROJECT}: no release. {error}")
