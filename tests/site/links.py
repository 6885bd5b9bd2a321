"""The links of the repository as links of the site.

A page of the repository is a page of the site. Any other file of it that is named becomes a page that shows it, since
the site does not know where the repository can be looked at; a folder becomes the list of its files.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Final

from tests.site.markdown import beside, between, with_links
from tests.site.sources import FENCED, ROOT, SitePage, listed, slug
from tests.site.tables import block

PICTURES: Final = frozenset({".png", ".svg"})
SITE: Final = "site://"
"""How pages of the repository name a page that is made: ``site://messages/index.md``."""
_HREF: Final = re.compile(r'(<a href=")([^"]+)(">)')
_HEADING: Final = re.compile(r"^#+ (.+?)(?: \{: #(\S+) \})?$", re.MULTILINE)
_UNSEARCHED: Final = "---\nsearch:\n  exclude: true\n---\n\n"


class BrokenLinkError(Exception):
    """A link leads to nothing."""


class SiteLinks:
    """Where each link of each page leads in the site.

    Attributes:
        pictures: those that pages show, as they are called in the repository.
    """

    def __init__(self, pages: Iterable[SitePage]) -> None:
        self._by_file: dict[str, list[SitePage]] = {}
        self._pages = {page.path: page for page in pages}
        for page in self._pages.values():
            text = FENCED.sub("", page.text)
            page.anchors = {named or slug(title) for title, named in _HEADING.findall(text)}
            if page.file is not None:
                self._by_file.setdefault(page.file, []).append(page)
        self._files = set(listed())
        self._shown: set[str] = set()
        self.pictures: set[str] = set()

    def of_site(self, page: SitePage) -> str:
        """The text of a page, with the links of the site.

        Raises:
            BrokenLinkError: one leads to nothing.
        """
        text = with_links(page.text, lambda link: self._target(page, link))
        return _HREF.sub(lambda found: f"{found[1]}{self._html(page, found[2])}{found[3]}", text)

    def code_pages(self) -> Iterator[tuple[str, str]]:
        """Pages of the files that pages name, and of what those folders hold."""
        for folder in sorted(self._shown - self._files):
            inside = [name for name in self._files if name.startswith(f"{folder}/") and self._is_text(name)]
            self._shown |= set(inside)
            items = "\n".join(
                f"- [`{PurePosixPath(name).relative_to(folder)}`]({between(_code_page(folder), _code_page(name))})"
                for name in sorted(inside)
            )
            yield _code_page(folder), f"{_UNSEARCHED}# {folder}\n\nThe files of this folder.\n\n{items}\n"
        for name in sorted(self._shown & self._files):
            text = (ROOT / name).read_text(encoding="utf-8")
            yield _code_page(name), f"{_UNSEARCHED}# {name}\n\n{block(text, PurePosixPath(name).suffix[1:])}"

    def _is_text(self, name: str) -> bool:
        return PurePosixPath(name).suffix not in PICTURES

    def _html(self, page: SitePage, link: str) -> str:
        """The target of a link in HTML, which the builder leaves as it is: the page's file as it is built."""
        target = self._target(page, link)
        path, mark, anchor = target.partition("#")
        return f"{path.removesuffix('.md')}.html{mark}{anchor}" if path.endswith(".md") else target

    def _target(self, page: SitePage, link: str) -> str:
        path, _, anchor = link.partition("#")
        if path.startswith(SITE):
            return self._to(page, path.removeprefix(SITE), anchor, link)
        if "://" in link or link.startswith("mailto:"):
            return link
        if page.file is None and not path.startswith("/"):
            return self._to(page, beside(page.path, path) if path else page.path, anchor, link)
        return self._of_file(page, self._named(page, path), anchor, link)

    def _named(self, page: SitePage, path: str) -> str:
        """The file of the repository that a link names; of a folder with a README that one."""
        own = page.file or ""
        file = path.lstrip("/") if path.startswith("/") else beside(own, path) if path else own
        return f"{file}/README.md" if f"{file}/README.md" in self._by_file else file

    def _of_file(self, page: SitePage, file: str, anchor: str, link: str) -> str:
        if file in self._by_file:
            return self._to(page, self._place(file, anchor).path, anchor, link)
        if PurePosixPath(file).suffix in PICTURES and file in self._files:
            self.pictures.add(file)
            return between(page.path, f"files/{file}")
        if file not in self._files and not (ROOT / file).is_dir():
            raise BrokenLinkError(f"{page.path}: {link}")
        self._shown.add(file)
        return between(page.path, _code_page(file))

    def _place(self, file: str, anchor: str) -> SitePage:
        """Which page of a file that is split has a heading; without one its first."""
        parts = self._by_file[file]
        return next((part for part in parts if anchor in part.anchors), parts[0])

    def _to(self, page: SitePage, path: str, anchor: str, link: str) -> str:
        if path not in self._pages or (anchor and anchor not in self._pages[path].anchors):
            raise BrokenLinkError(f"{page.path}: {link}")
        mark = f"#{anchor}" if anchor else ""
        return mark if path == page.path and mark else f"{between(page.path, path)}{mark}"


def _code_page(name: str) -> str:
    return f"files/{name}.md"
