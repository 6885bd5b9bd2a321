"""Lists of requests as CSV: nothing that a sender wrote is a formula to a spreadsheet."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.operations.request_csv import COLUMNS, as_csv
from bridge.operations.requests import RequestLine

RECEIVED = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)


def line(**other: Any) -> RequestLine:
    known: dict[str, Any] = {
        "row": 1,
        "request_key": "/epr r-1",
        "source": "/epr",
        "own_id": "r-1",
        "correlation_id": "c-1",
        "pipeline": "structured_record",
        "operation": None,
        "practice_ods": None,
        "outcome": "failed",
        "state": "failed",
        "code": "internal",
        "stage": None,
        "upstream": None,
        "detail": None,
        "dead_letter": None,
        "attempts": 4,
        "asked_at": None,
        "received_at": RECEIVED,
        "ended_at": RECEIVED + timedelta(seconds=1.5),
        "wait_until": None,
    }
    return RequestLine(**known | other)


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_line_is_what_the_list_says():
    (found,) = read(as_csv([line(detail='says "no", twice\nand more')]))
    assert tuple(found) == COLUMNS
    assert (found["own_id"], found["attempts"], found["duration_ms"]) == ("r-1", "4", "1500.0")
    assert found["received_at"] == "2026-11-29T03:00:00.000Z"
    assert found["detail"] == 'says "no", twice\nand more'
    assert found["operation"] == ""


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r"])
def test_what_would_be_a_formula_is_text(begins: str):
    sent = f"{begins}1+cmd|' /C calc'!A0"
    (found,) = read(as_csv([line(own_id=sent, source=sent, correlation_id=sent)]))
    assert {found["own_id"], found["source"], found["correlation_id"]} == {f"'{sent}"}


def test_a_list_of_nothing_has_its_headings():
    assert as_csv([]) == ",".join(COLUMNS) + "\r\n"
