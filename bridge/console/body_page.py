"""Bodies, once they are opened: pages apart, under a policy that lets nothing in them run, load or lead away.

A record is shown as `bridge preview` shows it; anything else as its text. Whoever gets here was noted before.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Final

from starlette.responses import HTMLResponse, Response

from bridge.console.asked import PageRequest
from bridge.operations.bodies import StoredEvent
from bridge.operations.preview import NotShowable, page

_POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""Beside this the page's own policy counts: it allows its one style by its hash, and no other."""
_MOST_SHOWN: Final = 1_000_000
"""Bytes of a body that is shown as text."""


def events_page(asked: PageRequest, events: Sequence[StoredEvent]) -> Response:
    """What was published: as a record where it is one, else as text."""
    try:
        html = page((event.topic, event.body) for event in events)
    except NotShowable:
        return data_page(asked, "Events", [(event.topic, event.body) for event in events])
    return HTMLResponse(html, headers={"content-security-policy": _POLICY})


def data_page(asked: PageRequest, title: str, parts: Iterable[tuple[str, bytes]]) -> Response:
    """Bodies as text, JSON with its lines indented."""
    return asked.page("body.html", title=title, texts=[(name, _text(body)) for name, body in parts])


def _text(body: bytes) -> str:
    if len(body) > _MOST_SHOWN:
        return (
            f"{len(body)} bytes: too much for a page; bridge ledger remap and bridge dead export write files"
        )
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body.decode("utf-8", "replace")
