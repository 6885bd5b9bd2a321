"""Investigations on the page: every note of every level, in its own layout, and no number without what it means."""

from typing import Any

import pytest

from bridge.areas.record_page import Events, render
from bridge.mapping.page import text
from tests.support import bundles as b
from tests.support.investigations import (
    BLOODS,
    LIST,
    REPORT,
    a_test,
    comment,
    refs,
    related,
    report,
    request,
    specimen,
)
from tests.support.mapped import mapped
from tests.support.record_pages import alerts, section, seen
from tests.support.whole_record import encounter, observation, structure

LAYOUT = "Sample       Result\n  GLUCOSE    <4.1\n"


def page(*sent: Any) -> str:
    listed = b.record_list(
        LIST,
        *(f"DiagnosticReport/{each['id']}" for each in sent if each["resourceType"] == "DiagnosticReport"),
    )
    events = Events()
    events.add_record(mapped(b.record(listed, *sent), areas={"investigations": {}}))
    return section(render(events), "investigations")


@pytest.mark.duty("CS-101", "CS-103")
def test_notes_of_every_level_are_shown_with_their_layout():
    words = [f"{level}\n{LAYOUT}" for level in ("report", "group", "result", "filed", "specimen", "asked")]
    html = page(
        report(
            "r1",
            "g",
            "f",
            conclusion=words[0],
            specimen=refs("s1", kind="Specimen"),
            basedOn=refs("q1", kind="ProcedureRequest"),
        ),
        observation("g", BLOODS, related=related("has-member", "a"), comment=words[1]),
        a_test("a", comment=words[2]),
        comment("f", words[3], related=related("derived-from", "a")),
        specimen(note=[{"text": words[4]}]),
        request(note=[{"text": words[5]}]),
    )
    for each in words:
        assert text(each) in html


def test_a_report_is_called_by_what_was_tested_and_when():
    html = page(report("r1", "a", "b", status="unknown"), a_test("a", "Ferritin"), a_test("b", "Folate"))
    assert "04-Feb-2026 08:00 GMT: Ferritin; Folate (not known whether it is final)" in seen(html)


def test_a_result_is_shown_with_all_that_its_value_means():
    html = seen(
        page(
            report("r1", "a"),
            a_test(
                "a",
                comment="Haemolysed",
                valueQuantity={"value": "1.50", "comparator": "<", "unit": "mmol/L"},
                referenceRange=[{"low": {"value": 3}, "text": "adults"}],
                interpretation={"text": "Abnormal"},
            ),
        )
    )
    for each in ("< 1.50 mmol/L", "Usual: 3 to open; adults", "Interpretation: Abnormal", "Haemolysed"):
        assert each in html


def test_a_filing_comment_says_what_it_is_about_and_when_it_was_filed():
    html = seen(
        page(
            report("r1", "a", "f", "h"),
            a_test("a", "Ferritin", comment="not detected"),
            comment("f", "Speak to GP", related=related("derived-from", "a"), effectiveDateTime="2026-02-05"),
            comment("h", "All seen"),
        )
    )
    assert "Filed: 05-Feb-2026" in html
    assert "On Investigation: Ferritin; not detected" in html
    assert "On the report as a whole" in html


def test_a_filing_comment_that_does_not_hold_says_so_and_every_one_where_it_is_from():
    withdrawn = {**comment("f", "All normal"), "status": "entered-in-error"}
    html = seen(page(report("r1", "a", "f"), a_test("a"), withdrawn))
    assert "State as sent: entered-in-error" in html
    assert "Source: Observation/f" in html


def test_what_was_not_sent_is_told_from_what_was_not_found():
    html = page(report("r1", "a", code=REPORT))
    assert "No result was sent in this report." in seen(html)
    assert "result: Observation: Observation/a (named only: not sent)" in seen(html)
    assert any("Nobody stated that there is none." in each for each in alerts(page()))


def test_what_they_say_is_text():
    html = page(
        report("r1", "a", conclusion="<b>x</b>", specimen=refs("s1", kind="Specimen")),
        a_test("a", "<i>", comment="<script>", valueString="<u>"),
        specimen(type={"text": "<s>"}),
    )
    assert all(f"&lt;{each}" in html for each in ("b&gt;", "i&gt;", "script&gt;", "u&gt;", "s&gt;"))


def test_a_link_to_a_report_says_what_was_tested():
    events = Events()
    sent = [
        b.record_list("1149501000000101", "Encounter/e1"),
        encounter(),
        structure("t0", "325851000000107", "List/t1"),
        structure("t1", "25851000000105", "DiagnosticReport/r1"),
        report("r1", "a"),
        a_test("a", "Ferritin"),
    ]
    events.add_record(mapped(b.record(*sent), areas={"consultations": {}}))
    html = seen(section(render(events), "consultations"))
    assert "Investigation: Ferritin; 04-Feb-2026 08:00 GMT" in html
    assert "Diagnostic studies report" not in html


def test_a_request_not_to_do_something_says_so_beside_its_name():
    html = page(report("r1", basedOn=refs("q1", kind="ProcedureRequest")), request(doNotPerform=True))
    assert "No code available; NOT to be done, says the practice" in seen(html)
