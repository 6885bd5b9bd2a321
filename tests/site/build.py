"""Puts the site together: sources and pages made from the code, their links, the navigation, and the builder."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.site.errors_page import errors_page
from tests.site.figures_page import figures_page
from tests.site.links import SiteLinks
from tests.site.markdown import for_builder
from tests.site.messages import message_pages
from tests.site.navigation import NavigationEntry, navigation
from tests.site.settings_page import TABLE, settings_tables
from tests.site.sources import HERE, ROOT, SitePage, pages, slug

_TABLE: Final = re.compile(r"<table(?: class=\"(?P<kind>[^\"]*)\")?>(.*?)</table>", re.DOTALL)
_JSON: Final = re.compile(r'<pre class="code json".*?</pre>', re.DOTALL)
_NAME: Final = re.compile(r"(&quot;[\w-]+&quot;)(:)")
_UNNAMED: Final = 'data-md-component="search" role="dialog"'
"""What the theme calls a dialogue, without saying which."""
_MARKS: Final = re.compile(r"<[^>]*>")


class BuildError(Exception):
    """The builder warned of something, or failed; with its own words."""


def slugify(title: str, separator: str) -> str:
    """What the builder calls a heading: as the repository's viewers do, so that links hold in both."""
    return slug(_MARKS.sub("", title))


def all_pages() -> list[SitePage]:
    """Every page, with the links that it has in the repository."""
    found = [*pages(), *message_pages(), errors_page(), figures_page()]
    (settings,) = (page for page in found if page.path == "operate/settings.md")
    tables = settings_tables(settings.text)
    settings.text = TABLE.sub(lambda _: tables, settings.text)
    return found


def write(folder: Path) -> None:
    """Write what the builder reads: pages, files that they name, pictures, style."""
    found = all_pages()
    links = SiteLinks(found)
    for page in found:
        put(folder / page.path, for_builder(links.of_site(page)))
    for path, text in links.code_pages():
        put(folder / path, text)
    for name in links.pictures:
        (folder / "files" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / "files" / name)
    shutil.copytree(HERE / "theme" / "assets", folder / "assets")


def put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def build(folder: Path) -> None:
    """Build the site into a folder, which is emptied first.

    Raises:
        BuildError: the builder warned of anything.
    """
    with TemporaryDirectory(prefix="site-") as made:
        source = Path(made) / "source"
        write(source)
        run_builder(source, folder, navigation())
    (folder / "404.html").unlink()  # its links are a server's
    for page in folder.rglob("*.html"):
        page.write_text(finished(page.read_text(encoding="utf-8")), encoding="utf-8")
    for unneeded in (*folder.rglob("*.map"), *folder.glob("sitemap.xml*")):
        unneeded.unlink()


def run_builder(source: Path, folder: Path, entries: Sequence[NavigationEntry]) -> None:
    """Make HTML of Markdown.

    Raises:
        BuildError: the builder warned of anything.
    """
    config = {
        "INHERIT": str(HERE / "mkdocs.yml"),
        "docs_dir": str(source),
        "site_dir": str(folder),
        "nav": entries,
    }
    with TemporaryDirectory(prefix="site-") as made:
        file = Path(made) / "mkdocs.yml"
        file.write_text(json.dumps(config), encoding="utf-8")
        done = subprocess.run(
            # Not `--quiet`: a warning that is not written does not count as one.
            [sys.executable, "-m", "mkdocs", "build", "--strict", "--clean", "--config-file", str(file)],
            cwd=ROOT,
            env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise BuildError(done.stdout + done.stderr)


def finished(html: str) -> str:
    """A page whose tables can be wider than the window without the page being so, and the names of its examples marked."""
    html = html.replace(_UNNAMED, f'{_UNNAMED} aria-label="Search"')
    html = html.replace("<th></th>", "<td></td>").replace(
        '<input type="checkbox" ', '<input type="checkbox" aria-label="Done" '
    )
    return _JSON.sub(lambda found: _NAME.sub(r"<b>\1</b>\2", found[0]), _TABLE.sub(_scrolled, html))


def _scrolled(table: re.Match[str]) -> str:
    kind = f' class="{table["kind"]}"' if table["kind"] else ' class="wide"'
    return f'<div class="scrolls"><table{kind}>{table[2]}</table></div>'
