"""Audit: who did what, and who looked at whom and why; the newest first."""

from typing import Final

from starlette.responses import Response

from bridge.console.asked import PageRequest, address
from bridge.console.page import ConsolePage
from bridge.console.rights import Right
from bridge.operations import audit
from bridge.operations.errors import OperationRefused

_PAGE: Final = 50
_EXPORTED: Final = 5000


async def _show(asked: PageRequest) -> Response:
    before, request_key = _place(asked.filter("before")), asked.filter("request")
    async with asked.site.stores() as stores:
        state = await audit.state(stores)
        if asked.filter("as") == "csv":
            found = await audit.entries(stores, limit=_EXPORTED, before=before, request_key=request_key)
            return asked.file("audit.csv", audit.as_csv(found.notes))
        notes = await audit.entries(stores, limit=_PAGE, before=before, request_key=request_key)
    given = {"request": request_key}
    return asked.page(
        "audit.html",
        notes=notes,
        state=state,
        request_key=request_key,
        next_page=address("/audit", {**given, "before": str(notes.more)}) if notes.more else None,
        as_file=address("/audit", {**given, "before": asked.filter("before"), "as": "csv"}),
        exported=_EXPORTED,
    )


def _place(text: str | None) -> audit.AuditPlace | None:
    try:
        return audit.AuditPlace.parse(text) if text else None
    except ValueError:
        raise OperationRefused("there is no such page of the trail") from None


PAGES = (ConsolePage("/audit", Right.READ_AUDIT, _show, title="Audit"),)
