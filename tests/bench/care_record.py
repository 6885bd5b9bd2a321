"""Bytes of a section of the care record to the JSON of its event, against html5lib parsing its HTML."""

import gc
import time
from collections.abc import Callable

import html5lib
import orjson

from bridge.mapping import Source, collector_paused
from bridge.mapping.care_record import SectionAsked, map_section
from tests.bench.result import Result
from tests.support.care_records import NHS_NUMBER, answer

ROUNDS = 40
HTML5LIB_ROUNDS = 5
SIZE = 500_000
ENTRY = (
    '<tr><td class="date-column">{day:02}-Oct-2016</td><td>Mill Lane Surgery, {place}</td>'
    "<td>Review of hypertension {number}<br/>BP 138/84 mmHg, pulse 72 regular; "
    "diet &amp; exercise discussed, to return when over 150/90 or unwell</td></tr>"
)


def encounters() -> str:
    """A section of 500 kB, of entries of the usual length."""
    head = (
        '<div xmlns="http://www.w3.org/1999/xhtml"><h1>Encounters</h1><div class="date-banner">'
        '<p>All relevant items</p></div><table id="enc-tab"><thead><tr><th>Date</th><th>Title</th>'
        "<th>Details</th></tr></thead><tbody>"
    )
    entries: list[str] = []
    size = len(head)
    while size < SIZE:
        number = len(entries)
        place = ("surgery", "telephone", "home visit")[number % 3]
        entries.append(ENTRY.format(day=number % 28 + 1, place=place, number=number))
        size += len(entries[-1])
    return f"{head}{''.join(entries)}</tbody></table></div>"


def run() -> list[Result]:
    html = encounters()
    body = orjson.dumps(answer(html))
    asked = SectionAsked(code="ENC", nhs_number=NHS_NUMBER)
    source = Source(request_id="bench", retrieved_at="2026-11-22T09:00:00Z", body_sha256="0" * 64)

    def whole_way() -> bytes:
        with collector_paused():  # as the engine does
            section = map_section(orjson.loads(body), asked=asked, source=source)
        assert section["state"] == "content"
        return orjson.dumps(section)

    whole_way()
    parsed = min(_seconds(lambda: html5lib.parse(html)) for _ in range(HTML5LIB_ROUNDS))
    gc.collect()
    mapped = min(_seconds(whole_way) for _ in range(ROUNDS))
    return [
        Result(
            "html5lib_vs_care_record",
            parsed / mapped,
            ">= 5.0",
            parsed / mapped >= 5.0,
            f"{len(html) / 1e6:.2f} MB: {parsed * 1e3:.0f} ms against {mapped * 1e3:.1f} ms of CPU",
        )
    ]


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
