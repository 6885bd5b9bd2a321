"""The version of this source, which the build asks for (`[tool.hatch.version]` in `pyproject.toml`).

=========================================  ===========================================================
what git says                              version
=========================================  ===========================================================
the commit has the tag ``v0.2.0``          ``0.2.0``
12 commits after ``v0.2.0``                ``0.2.1.dev12+g1234567``; of ``DECLARED`` if that is newer
no tag, or no git (an archive, an image)   ``DECLARED``
=========================================  ===========================================================

In an unpacked source distribution the build takes the version from its metadata and asks nobody.
"""

import re
import subprocess
from pathlib import Path

DECLARED = "0.2.0"
"""The release that this source is, or is on the way to: the first heading of `CHANGELOG.md`."""


def of(folder: Path) -> str:
    """The version of the source in a folder."""
    found = re.fullmatch(r"v(\d+)\.(\d+)\.(\d+)-(\d+)-(g[0-9a-f]+)", described(folder))
    if found is None:
        return DECLARED
    major, minor, patch, since = (int(part) for part in found.groups()[:4])
    if since == 0:
        return f"{major}.{minor}.{patch}"
    coming = max((major, minor, patch + 1), tuple(int(part) for part in DECLARED.split(".")))
    return f"{'.'.join(str(part) for part in coming)}.dev{since}+{found[5]}"


def described(folder: Path) -> str:
    """Tag, commits since, and commit, as ``git describe`` writes them; nothing where there is no tag."""
    if not (folder / ".git").exists():  # tags of a repository around the folder say nothing of it
        return ""
    command = ["git", "-C", str(folder), "describe", "--tags", "--long", "--match", "v[0-9]*.[0-9]*.[0-9]*"]
    try:
        done = subprocess.run(command, capture_output=True, check=False, text=True)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
