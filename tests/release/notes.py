"""The notes of a release, from `CHANGELOG.md`: ``python -m tests.release.notes 0.2.0``.

Those of a release that is on its way (``## [Unreleased] 0.2.0``) are the same; `make release` tells that it is.
"""

import re
import sys
from dataclasses import dataclass
from datetime import date
from typing import Final

from tests.release.lock import ROOT
from tests.release.packages import ReleaseError

CHANGELOG: Final = ROOT / "CHANGELOG.md"
_HEADING: Final = re.compile(
    r"^## \[(?:Unreleased\] (?P<coming>\d+\.\d+\.\d+)|(?P<released>\d+\.\d+\.\d+)\] - (?P<day>\d{4}-\d\d-\d\d))$",
    re.MULTILINE,
)
_ANY_HEADING: Final = re.compile(r"^## .*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ReleaseNotes:
    """What `CHANGELOG.md` says of one version."""

    version: str
    day: date | None
    """Of the release; None while it is on its way."""
    text: str
    """Markdown, without the heading."""


def sections(changelog: str) -> list[ReleaseNotes]:
    """Every version in the order of the file, the newest first; a heading of another form is refused."""
    headings = list(_ANY_HEADING.finditer(changelog))
    found = []
    for heading, following in zip(headings, [*headings[1:], None], strict=True):
        read = _HEADING.fullmatch(heading.group())
        if read is None:
            raise ReleaseError(
                f"CHANGELOG.md: {heading.group()!r} is neither '## [Unreleased] 1.2.3' nor '## [1.2.3] - 2026-11-30'"
            )
        day = date.fromisoformat(read["day"]) if read["day"] else None
        text = changelog[heading.end() : following.start() if following else None].strip()
        found.append(ReleaseNotes(read["coming"] or read["released"], day, text))
    return found


def notes_of(version: str) -> ReleaseNotes:
    """The notes of a version; refused where there are none."""
    for section in sections(CHANGELOG.read_text(encoding="utf-8")):
        if section.version == version:
            if not section.text:
                raise ReleaseError(f"CHANGELOG.md says nothing of {version}")
            return section
    raise ReleaseError(f"CHANGELOG.md has no heading of {version}")


def written(notes: ReleaseNotes) -> str:
    """The notes as a document of their own; links into the repository become names of files in it."""
    title = f"gpconnect-bridge {notes.version}" + ("" if notes.day is None else f", {notes.day:%-d %B %Y}")
    text = re.sub(r"\[([^\]]+)\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", r"\1 (`\2`)", notes.text)
    return f"# {title}\n\n{text}\n"


def main() -> None:
    """Print the notes of the version that is asked for."""
    match sys.argv[1:]:
        case [version]:
            print(written(notes_of(version)), end="")
        case _:
            sys.exit("usage: python -m tests.release.notes VERSION")


if __name__ == "__main__":
    try:
        main()
    except ReleaseError as error:
        sys.exit(str(error))
