"""What must hold for the site as it is built: links and anchors lead somewhere, and nothing comes from elsewhere."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Final
from urllib.parse import unquote

_ID: Final = re.compile(r"\s(?:id|name)=\"?([^\s\">]+)")
_LINK: Final = re.compile(r"<a\s[^>]*?href=\"?([^\s\">]+)")
_LOADED: Final = re.compile(
    r"<(?:link|script|img|source|iframe|object|embed)\s[^>]*?(?:href|src|data)=\"?([^\s\">]+)"
)
_STYLED: Final = re.compile(r"url\(\s*[\"']?([^\"')]+)|@import\s+[\"']([^\"']+)")


def faults(folder: Path) -> Iterator[str]:
    """What is wrong, a line each, with the page that it is on."""
    pages = {file.resolve(): file.read_text(encoding="utf-8") for file in sorted(folder.rglob("*.html"))}
    anchors = {file: set(_ID.findall(text)) for file, text in pages.items()}
    for file, text in pages.items():
        at = file.relative_to(folder.resolve())
        for link in map(unescape, _LINK.findall(text)):
            path, _, anchor = link.partition("#")
            if "://" in link or link.startswith("mailto:"):
                continue
            target = (file.parent / unquote(path)).resolve() if path else file
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                yield f"{at}: {link} leads nowhere"
            elif anchor and target in anchors and unquote(anchor) not in anchors[target]:
                yield f"{at}: {link}: the page has no such place"
        for link in map(unescape, _LOADED.findall(text)):
            path = link.partition("#")[0].partition("?")[0]
            if re.match(r"[a-z]+:|//", link) and not link.startswith("data:"):
                yield f"{at}: {link} comes from elsewhere"
            elif path and not link.startswith("data:") and not (file.parent / path).exists():
                yield f"{at}: {link} is not there"
    for style in sorted(folder.rglob("*.css")):
        for one, other in _STYLED.findall(style.read_text(encoding="utf-8")):
            if re.match(r"[a-z]+:|//", one or other) and not (one or other).startswith("data:"):
                yield f"{style.relative_to(folder)}: {one or other} comes from elsewhere"
