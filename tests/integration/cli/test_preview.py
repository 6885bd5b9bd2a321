"""``bridge preview``: from the events in a file to one page."""

import json
import stat

import pytest

from bridge.mapping import Source
from bridge.mapping.care_record import SectionAsked, map_section
from bridge.sandbox import BY_NAME
from bridge.sandbox.care_record import bundle
from bridge.sandbox.care_record_query import SectionQuery
from tests.support.processes import bridge

TYPE = "uk.nhs.gpconnect.care_record.section.published.v1"


def event(name, code, **changes):
    number = BY_NAME[name].nhs_number
    section = map_section(
        bundle(BY_NAME[name], SectionQuery(number, code)),
        asked=SectionAsked(code=code, nhs_number=number),
        source=Source(request_id="r-1", retrieved_at="2026-11-22T09:00:00.000Z", body_sha256="0" * 64),
    )
    return {"specversion": "1.0", "type": TYPE, "data": {**section, **changes}}


def written(*events):
    """As `bridge send --wait` prints them: one readable document after the other."""
    return "\n".join(json.dumps(one, indent=2) for one in events) + "\n"


@pytest.mark.duty("HT-011")
def test_events_become_one_page_in_the_mandated_order(tmp_path):
    other = {"specversion": "1.0", "type": "uk.nhs.gpconnect.care_record.completed.v1", "data": {}}
    (tmp_path / "events.json").write_text(
        written(event("rich_record", "IMM"), other, event("rich_record", "ENC"))
    )
    done = bridge("preview", "events.json", "--output", "page.html", directory=tmp_path)
    assert (done.code, done.text) == (0, "")
    page = (tmp_path / "page.html").read_text()
    assert stat.S_IMODE((tmp_path / "page.html").stat().st_mode) == 0o600
    assert page.startswith("<!DOCTYPE html>")
    assert page.index("Review of hypertension") < page.index("Seasonal influenza vaccination")


@pytest.mark.duty("HT-025")
@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("2026-07-22T23:30:00.000Z", "23-Jul-2026 00:30 BST"),
        ("2026-11-22T09:00:00.000Z", "22-Nov-2026 09:00 GMT"),
        ("2026-10-25T00:30:00Z", "25-Oct-2026 01:30 BST"),
        ("2026-10-25T01:30:00Z", "25-Oct-2026 01:30 GMT"),
        ("2026-07", "2026-07"),
        ("2026-07-22", "2026-07-22"),
    ],
)
def test_times_are_those_of_the_clocks_in_the_practice(tmp_path, sent, shown):
    given = written(event("rich_record", "ENC", retrieved_at=sent, generated={"at": sent})).encode()
    done = bridge("preview", "-", directory=tmp_path, given=given)
    assert (done.code, done.errors) == (0, "")
    assert done.text.count(f"<dd>{shown}</dd>") == 2


def test_what_is_hostile_stays_out_of_the_page(tmp_path):
    changed = event("rich_record", "ENC", html="<p onclick='x()'>Seen<script>alert(1)</script></p>")
    given = written(event("html_hostile", "ENC"), changed).encode()
    done = bridge("preview", "-", directory=tmp_path, given=given)
    assert done.code == 0
    for gone in ("<script", "onclick", "onerror", "attacker.invalid", "<iframe"):
        assert gone not in done.text
    assert "Dr Gilbert" in done.text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "somebody: 9990000018",
        written(event("rich_record", "ENC"))[:-9],
        written({"type": "uk.nhs.gpconnect.record.completed.v1", "data": {}}),
        written({"type": TYPE, "data": {"section": "ENC", "html": "9990000018"}}),
        written({"type": TYPE, "dataref": "https://bridge.example/claims/1"}),
    ],
    ids=["nothing", "text", "cut off", "other events", "no section", "claim check"],
)
def test_without_a_section_there_is_one_line_and_no_page(tmp_path, text):
    done = bridge("preview", "-", "--output", "page.html", directory=tmp_path, given=text.encode())
    assert (done.code, done.text) == (2, "")
    assert len(done.errors.splitlines()) == 1
    assert "9990000018" not in done.errors
    assert not (tmp_path / "page.html").exists()
