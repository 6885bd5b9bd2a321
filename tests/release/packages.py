"""Wheel and source distribution: built, the same each time, and looked at for what they hold.

Both are built by the Hatchling of this environment, which `uv.lock` holds to one version: the version of the tool is
in the metadata, so another one gives other bytes. The times of all files in them are ``SOURCE_DATE_EPOCH``.
"""

import hashlib
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

PACKAGES: Final = ("bridge", "pipelines")
"""What the wheel installs."""


class ReleaseError(Exception):
    """A release cannot be made of this; says why."""


def build(source: Path, target: Path, *kinds: str, epoch: int) -> list[Path]:
    """Build ``wheel`` and ``sdist``, or one of them, from a folder into another, without any network.

    Returns:
        The files, in the order of `kinds`.
    """
    options = [word for kind in kinds for word in ("--target", kind)]
    command = [sys.executable, "-m", "hatchling", "build", *options, "--directory", str(target)]
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(epoch)}
    done = subprocess.run(
        command,
        cwd=source,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ReleaseError(f"{' and '.join(kinds)} cannot be built:\n{done.stdout}")
    endings = {"wheel": "*.whl", "sdist": "*.tar.gz"}
    return [path for kind in kinds for path in target.glob(endings[kind])]


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def faults_of_wheel(wheel: Path, tracked: Iterable[str]) -> list[str]:
    """What a wheel holds too much or lacks, beside the files of the repository, each in words."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    info = "-".join(wheel.name.split("-")[:2]) + ".dist-info"
    own = {
        f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    }
    wanted = own | {name for name in tracked if name.startswith(tuple(f"{each}/" for each in PACKAGES))}
    return _differences(wheel, names, wanted)


def faults_of_sdist(sdist: Path, tracked: Iterable[str]) -> list[str]:
    """The same of a source distribution, which is the whole repository and its metadata."""
    top = sdist.name.removesuffix(".tar.gz") + "/"
    with tarfile.open(sdist) as archive:
        names = {member.name.removeprefix(top) for member in archive.getmembers() if member.isfile()}
    return _differences(sdist, names, {"PKG-INFO", *tracked})


def unpacked(sdist: Path, into: Path) -> Path:
    """The folder that a source distribution unpacks to."""
    with tarfile.open(sdist) as archive:
        archive.extractall(into, filter="data")
    return into / sdist.name.removesuffix(".tar.gz")


def tracked_files(source: Path) -> list[str]:
    """What git has of a folder, by path."""
    command = ["git", "-C", str(source), "ls-files", "-z"]
    listed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return [name for name in listed.split("\0") if name]


def _differences(archive: Path, names: set[str], wanted: set[str]) -> list[str]:
    lacking = [f"{archive.name} lacks {name}" for name in sorted(wanted - names)]
    return lacking + [f"{archive.name} holds {name}" for name in sorted(names - wanted)]
