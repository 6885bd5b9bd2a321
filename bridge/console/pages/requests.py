"""Requests: a list, narrowed by what is known of them; of one patient by an NHS number that is typed.

What narrows the list stands in the address, so that it can be sent to somebody. An NHS number never does: it
is sent in a form, turned into the key of the patient at once, and is in no page.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, get_args

from starlette.responses import Response

from bridge.console.asked import PageRequest, address
from bridge.console.page import ConsolePage
from bridge.console.pages.periods import LONGEST, look_back
from bridge.console.rights import Right
from bridge.operations.audit import patient_keys
from bridge.operations.errors import OperationRefused
from bridge.operations.failures import group
from bridge.operations.request_csv import as_csv
from bridge.operations.requests import (
    THRESHOLDS,
    Cursor,
    ListedOutcome,
    RequestFilter,
    RequestPage,
    find,
    list_requests,
)
from bridge.pipelines.installed import installed_pipelines
from bridge.record.nhs_number import holds_nhs_number, is_valid_nhs_number

OUTCOMES: Final[tuple[ListedOutcome, ...]] = get_args(ListedOutcome)
_PAGE: Final = 50
_TRIES: Final = re.compile(r"[1-9]\d{0,3}", re.ASCII)
_FILTERS: Final = (
    *("outcome", "code", "pipeline", "operation", "attempts", "took", "practice", "correlation"),
    *("since", "until"),
    *("group", "hours"),  # those of a group that ended in so many hours, as the page of failures counts them
)


async def _show(asked: PageRequest) -> Response:
    filters = {name: asked.filter(name) for name in _FILTERS}
    return await _listed(asked, filters, None, asked.filter("after"), as_file=asked.filter("as") == "csv")


async def _narrow(asked: PageRequest) -> Response:
    """The form of filters: to the address that says the same, or, of a patient, the list at once."""
    filters = {name: asked.field(name) or None for name in _FILTERS}
    reference = asked.field("reference")
    for value in (*filters.values(), reference):
        if value and holds_nhs_number(value):
            raise OperationRefused("an NHS number goes into the field for it, and into no other")
    if reference:
        return await _found(asked, reference)
    return asked.to("/requests", **{name: value for name, value in filters.items() if value})


async def _found(asked: PageRequest, reference: str) -> Response:
    async with asked.site.stores() as stores:
        lines = await find(stores, reference)
    if not lines:
        raise OperationRefused("the ledger does not know such a request")
    if len(lines) == 1:
        return asked.to("/request", key=lines[0].request_key)
    return _page(asked, RequestPage(lines, None), dict.fromkeys(_FILTERS), None)


async def _of_patient(asked: PageRequest) -> Response:
    """The requests about a patient: told of in answer to the form, so that no address leads here."""
    key = asked.field("patient_key")
    if not key:
        number = asked.field("nhs_number").replace(" ", "").replace("-", "")
        if not is_valid_nhs_number(number):
            raise OperationRefused("that is no NHS number: ten digits, the last one checks the others")
        key = patient_keys(asked.site.settings).of(number)
    filters = dict.fromkeys(_FILTERS)
    return await _listed(asked, filters, key, asked.field("after"), as_file=asked.field("as") == "csv")


async def _listed(
    asked: PageRequest,
    filters: Mapping[str, str | None],
    patient_key: str | None,
    after: str | None,
    *,
    as_file: bool,
) -> Response:
    async with asked.site.stores() as stores:
        cause = ended_since = None
        if filters["group"]:
            ended_since = look_back(filters["hours"], LONGEST).since
            cause = (await group(stores, filters["group"], since=ended_since)).cause
        wanted = RequestFilter(
            outcome=next((each for each in OUTCOMES if each == filters["outcome"]), None),
            code=filters["code"],
            pipeline=filters["pipeline"],
            operation=filters["operation"],
            attempts=_tries(filters["attempts"]),
            took_s=next((each for each in THRESHOLDS if str(each) == filters["took"]), None),
            practice_ods=filters["practice"],
            correlation_id=filters["correlation"],
            patient_key=patient_key,
            since=_moment(filters["since"]),
            until=_moment(filters["until"]),
            cause=cause,
            ended_since=ended_since,
        )
        page = await list_requests(stores, wanted, actor=asked.actor, after=_cursor(after), limit=_PAGE)
    if as_file:
        return asked.file("requests.csv", as_csv(page.lines))
    return _page(asked, page, filters, patient_key)


def _page(
    asked: PageRequest, page: RequestPage, filters: Mapping[str, str | None], patient_key: str | None
) -> Response:
    more = str(page.after) if page.after else None
    return asked.page(
        "requests.html",
        page=page,
        filters=filters,
        patient_key=patient_key,
        outcomes=OUTCOMES,
        thresholds=THRESHOLDS,
        ended_in=look_back(filters["hours"], LONGEST).words if filters["group"] else None,
        pipelines=[pipeline.name for pipeline in installed_pipelines()],
        operations=[each.accepts for pipeline in installed_pipelines() for each in pipeline.operations],
        more=more,
        next_page=address("/requests", {**filters, "after": more}),
        as_file=address("/requests", {**filters, "after": asked.filter("after"), "as": "csv"}),
    )


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise OperationRefused("a time is written as 2026-11-30 or 2026-11-30T08:15, in UTC") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _tries(text: str | None) -> int | None:
    if text is None:
        return None
    if not _TRIES.fullmatch(text):
        raise OperationRefused("how many tries is a number, 1 or more")
    return int(text)


def _cursor(text: str | None) -> Cursor | None:
    try:
        return Cursor.parse(text) if text else None
    except ValueError:
        raise OperationRefused("there is no such page of the list") from None


PAGES = (
    ConsolePage("/requests", Right.SEE_REQUESTS, _show, title="Requests"),
    ConsolePage("/requests", Right.SEE_REQUESTS, _narrow, "POST"),
    ConsolePage("/requests/patient", Right.FIND_PATIENT, _of_patient, "POST"),
)
