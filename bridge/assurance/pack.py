"""The frame of the pack: its facts, its parts, and the page that leads to them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final, Generic, TypeVar

from bridge.assurance.pages import Pages

FAILED: Final = "FAILED"
"""Stands before each line of what forbids a release."""


@dataclass(frozen=True, slots=True)
class PackFacts:
    """What the pack is about.

    Attributes:
        version: of the product.
        commit: of the source tree; None for what the installed product tells of itself.
        written_at: when; the same facts at the same time make the same bytes.
    """

    version: str
    commit: str | None
    written_at: datetime


F_contra = TypeVar("F_contra", bound=PackFacts, contravariant=True)
F = TypeVar("F", bound=PackFacts)


@dataclass(frozen=True, slots=True)
class PartSummary:
    """What a part came to, for the first page. Each is a sentence.

    Attributes:
        covers: what it shows.
        open: what is not shown, not known or not done.
        theirs: what is left to the organisation that deploys.
        fails: what forbids a release: the pack is written, and writing it fails.
        files: names of what was written beside the part's own file.
    """

    covers: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    theirs: tuple[str, ...] = ()
    fails: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PackPart(Generic[F_contra]):
    """One part.

    Attributes:
        name: of its file, or of its first page: ``requirements.html``.
        title: in words.
        says: which question it answers, in one sentence.
        write: writes it into the folder of the pack.
    """

    name: str
    title: str
    says: str
    write: Callable[[Path, F_contra], PartSummary]


@dataclass(frozen=True, slots=True)
class Question:
    """A question that an assessor has, and where the pack answers it.

    Attributes:
        duties: ids of the duties behind it.
        words: the question.
        answer: in a sentence: what the product does, or what the deploying organisation has to.
        pages: files of the pack, the best first, with a place in them where that helps (``index.html#open``).
    """

    duties: tuple[str, ...]
    words: str
    answer: str
    pages: tuple[str, ...]


def product_facts() -> PackFacts:
    """Of the installed product, now."""
    return PackFacts(version("gpconnect-bridge"), None, datetime.now(UTC).replace(microsecond=0))


def write_pack(
    folder: Path, facts: F, parts: Sequence[PackPart[F]], questions: Sequence[Question] = ()
) -> list[str]:
    """Write every part, and ``index.html`` that leads to them.

    What stands in the folder already is written over, and nothing is deleted.

    Returns:
        What forbids a release, a sentence each; empty when nothing does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = [(part, part.write(folder, facts)) for part in parts]
    fails = [line for _, summary in written for line in summary.fails]
    Pages().page(
        folder / "index.html",
        "index.html",
        facts,
        parts=written,
        fails=fails,
        questions=questions,
        titles={part.name: part.title for part in parts},
    )
    return fails
