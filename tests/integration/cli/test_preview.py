"""``bridge preview``: from the events in a file to one page."""

import json
import stat
from typing import Any

import pytest

from bridge.mapping import Source
from bridge.mapping.care_record import SectionAsked, map_section
from bridge.sandbox import BY_NAME
from bridge.sandbox.care_record.operation import bundle
from bridge.sandbox.care_record.query import SectionQuery
from tests.support import bundles as b
from tests.support import record_pages
from tests.support.html_reader import words
from tests.support.mapped import mapped
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


PREFIX = "uk.nhs.gpconnect"


def structured(**changes: Any) -> list[dict[str, Any]]:
    """The events of one structured record, as they are published."""
    made = record_pages.events(mapped(b.typical_record()))
    kinds = {
        "medications.published.v1": made.medications[0],
        "allergies.published.v1": made.allergies[0],
        "record.completed.v1": made.completed[0],
    }
    return [
        {"specversion": "1.0", "type": f"{PREFIX}.{kind}", "data": {**data, **changes}}
        for kind, data in kinds.items()
    ]


@pytest.mark.parametrize(
    "write",
    [
        written,
        lambda *events: "".join(json.dumps(one) + "\n" for one in events),
        lambda *events: "\ufeff" + json.dumps(events),
    ],
    ids=["one after the other", "lines", "a list"],
)
def test_a_structured_record_becomes_one_page(tmp_path, write):
    (tmp_path / "events.json").write_text(write(*structured()), encoding="utf-8")
    done = bridge("preview", "events.json", "--output", "page.html", directory=tmp_path)
    assert (done.code, done.text, done.errors) == (0, "", "")
    assert stat.S_IMODE((tmp_path / "page.html").stat().st_mode) == 0o600
    seen = " ".join(words((tmp_path / "page.html").read_text(encoding="utf-8")))
    for words_of_it in (
        "Patient with NHS number 999 000 0018",
        "Allergy to penicillin (active)",
        "Allergy to penicillin (ended)",
        "Amoxicillin 250mg capsules (current)",
        "Retrieved at 22-Nov-2026 09:00 GMT",
    ):
        assert seen.count(words_of_it) == 1
    assert "not known. No event" not in seen


def test_each_event_alone_says_what_is_not_known(tmp_path):
    for number, missing in enumerate((["Allergies"], ["Medications"], ["Allergies", "Medications"])):
        done = bridge("preview", "-", directory=tmp_path, given=written(structured()[number]).encode())
        assert done.code == 0
        for area in ("Allergies", "Medications"):
            assert (f"{area}: not known. No event about them" in done.text) == (area in missing)


def test_what_bridge_map_prints_is_shown(tmp_path):
    (tmp_path / "bundle.json").write_text(json.dumps(b.typical_record()))
    record = bridge("map", "bundle.json", directory=tmp_path).text
    done = bridge("preview", "-", directory=tmp_path, given=record.encode())
    assert (done.code, done.errors) == (0, "")
    seen = " ".join(words(done.text))
    assert "Check who this record is about." in seen
    assert "Allergy to penicillin (ended)" in seen


def test_fields_of_a_later_version_are_told_of_and_not_shown(tmp_path):
    done = bridge("preview", "-", directory=tmp_path, given=written(*structured(new_field="later")).encode())
    assert done.code == 0
    assert "fields that this version does not know; they are not shown" in done.text
    assert "later" not in done.text


def test_a_record_and_a_care_record_stand_on_one_page(tmp_path):
    given = written(*structured(), event("rich_record", "ENC")).encode()
    done = bridge("preview", "-", directory=tmp_path, given=given)
    assert done.code == 0
    assert "Allergy to penicillin" in done.text
    assert "Review of hypertension" in done.text


def test_sections_of_two_patients_have_a_banner_each(tmp_path):
    given = written(event("rich_record", "ENC"), event("html_malformed", "ENC")).encode()
    done = bridge("preview", "-", directory=tmp_path, given=given)
    for name in ("rich_record", "html_malformed"):
        number = BY_NAME[name].nhs_number
        assert done.text.count(f"<dd>{number[:3]} {number[3:6]} {number[6:]}</dd>") == 1
    assert done.text.count("<article>") == 2


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([{**structured()[0], "type": f"{PREFIX}.medications.published.v9"}], "type: is none that"),
        ([{"data": {}}], "type: is required, as text"),
        ([{**structured()[1], "data": None}], "data: "),
        (structured(nhs_number=9990000018)[1:2], "data.nhs_number: "),
        (structured(allergy_statement="9990000018")[1:2], "data.allergy_statement: "),
        (structured(items=[{"9990000018": "9990000018"}])[1:2], "data.items.0."),
        ([structured()[0], "9990000018"], "event 2: must be a JSON object"),
        ([{"type": f"{PREFIX}.allergies.published.v1", "dataref": "x"}], "data: is held apart"),
        ([{"snapshot_id": "9990000018", "medications": []}], "schema_version: Field required"),
        ([{"type": "care_record.completed.v1", "data": {}}], "no structured record and no section"),
    ],
)
def test_a_malformed_event_is_told_by_field_and_rule(tmp_path, events, said):
    file = tmp_path / "9990000018.json"
    file.write_text(written(*events))
    done = bridge("preview", file.name, "--output", "page.html", directory=tmp_path)
    assert (done.code, done.text) == (2, "")
    assert len(done.errors.splitlines()) == 1
    assert said in done.errors
    assert "9990000018" not in done.errors
    assert not (tmp_path / "page.html").exists()


def test_an_event_of_a_pipeline_that_no_page_shows_is_passed_over(tmp_path):
    other = {"type": f"{PREFIX}.appointment.booked.v1", "data": {}}
    done = bridge("preview", "-", directory=tmp_path, given=written(*structured(), other).encode())
    assert (done.code, done.errors) == (0, "")
