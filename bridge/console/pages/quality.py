"""Data quality: what practices sent that could not be mapped, or was noticed, by supplier and area."""

from typing import Final

from starlette.responses import Response

from bridge.console.asked import PageRequest, address
from bridge.console.page import ConsolePage
from bridge.console.pages.periods import CHOICES, period
from bridge.console.rights import Right
from bridge.operations.quality import as_csv, meaning, quality

_WEEK: Final = "168"
_MOST: Final = 200
"""Lines that are shown; the file has all."""


async def _show(asked: PageRequest) -> Response:
    since = period(asked, _WEEK)
    practice, supplier = asked.filter("practice"), asked.filter("supplier")
    is_file = asked.filter("as") == "csv"
    async with asked.site.stores() as stores:
        found = await quality(
            stores,
            since=since.since,
            practice_ods=practice,
            supplier_ods=supplier,
            by_practice=is_file,
        )
    if is_file:
        return asked.file("data-quality.csv", as_csv(found.remarkable))
    filters = {"hours": since.hours, "practice": practice, "supplier": supplier}
    return asked.page(
        "quality.html",
        found=found,
        lines=found.remarkable[:_MOST],
        left_out=max(0, len(found.remarkable) - _MOST),
        meaning=meaning,
        filters=filters,
        as_file=address("/quality", {**filters, "as": "csv"}),
        period=since,
        periods=CHOICES,
    )


PAGES = (ConsolePage("/quality", Right.SEE_REQUESTS, _show, title="Data quality"),)
