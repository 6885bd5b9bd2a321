"""Consultations on the page: in the order they were written, linked in words, drafts and gaps told."""

import json
from typing import Any

import orjson
import pytest

from bridge.areas.publishing import areas_published
from bridge.areas.record_page import Events, render
from bridge.areas.requests import Areas
from bridge.areas.spec import AreaSpec
from bridge.areas.table import AREAS as TABLE
from bridge.operations import preview
from tests.support import bundles as b
from tests.support.html_reader import parsed
from tests.support.mapped import mapped
from tests.support.record_pages import alerts, of_class, section, seen
from tests.support.whole_record import COMMENT, encounter, observation, structure, whole_record

MAIN = "1149501000000101"
TOPIC, HEADING = "25851000000105", "24781000000107"
ASKED: dict[str, Any] = {"consultations": {}, "medications": {}}


def page_of(bundle: Any) -> str:
    record = mapped(bundle, areas=ASKED)
    events = Events()
    events.add_record(record)
    return render(events)


def consultations(*resources: Any) -> str:
    return seen(section(page_of(b.record(b.record_list(MAIN, "Encounter/e1"), *resources)), "consultations"))


def test_a_consultation_is_read_in_its_order_with_what_it_names_in_words() -> None:
    said = seen(section(page_of(whole_record()), "consultations"))
    expected = [
        "03-Feb-2026 10:00 GMT: GP Surgery",
        "Cough",
        "History",
        "Coughing for a week.",
        "Medication: ",
    ]
    places = [said.index(each) for each in expected]
    assert places == sorted(places)
    assert "Recorded by" in said


def test_words_keep_their_layout_and_their_mark_up_is_text() -> None:
    html = page_of(
        b.record(
            b.record_list(MAIN, "Encounter/e1"),
            encounter(),
            structure("t1", TOPIC, "Observation/n1", title="<b>Cough</b>"),
            observation("n1", b.concept(COMMENT), comment="Line one\n   <script>alert(1)</script>"),
        )
    )
    assert "<b>" not in html
    assert "<script>" not in html
    texts = ["".join(each.itertext()) for each in parsed(html).iter("blockquote")]
    assert texts == ["Line one\n   <script>alert(1)</script>"]


@pytest.mark.duty("CS-095")
def test_a_draft_is_shown_as_a_draft() -> None:
    html = page_of(b.record(b.record_list(MAIN, "Encounter/e1"), encounter(status="unknown")))
    assert "GP Surgery (draft)" in seen(section(html, "consultations"))
    assert any("Draft: not finished" in each for each in alerts(html))


@pytest.mark.duty("CS-093")
def test_it_says_that_they_are_not_the_whole_record() -> None:
    assert "Consultations are not the whole record" in consultations(encounter())


def test_a_gap_and_an_absence_are_told_apart() -> None:
    assert "there is more in it than is shown" in consultations(encounter())
    said = consultations(
        encounter(),
        structure("t1", TOPIC, entry=[{"item": {"display": "Referral items have been disabled."}}]),
    )
    assert "Not known what: Referral items have been disabled. (named only: not sent)" in said
    assert "there is more in it" not in said


def test_what_is_not_for_the_patient_says_so_beside_the_words() -> None:
    label = {"security": [b.coding("NOPAT", system="http://hl7.org/fhir/v3/ActCode")]}
    said = consultations(
        encounter(),
        structure("t1", TOPIC, "Observation/n1"),
        observation("n1", b.concept(COMMENT), comment="He fell.", meta=label),
    )
    assert "Not to be disclosed to the patient" in said


def test_the_event_alone_is_a_page_too() -> None:
    record = mapped(whole_record(), areas=ASKED)
    published = {each.kind: each for each in areas_published(record, Areas.model_validate(ASKED))}
    event = {"type": "consultations.published.v1", "data": published["consultations.published.v1"].data}
    html = preview.page([("events.json", orjson.dumps(event))])
    assert "Coughing for a week." in seen(section(html, "consultations"))
    assert "Allergies: not known." in seen(html)


def test_a_record_that_was_made_before_there_were_consultations_is_shown() -> None:
    record = json.loads(orjson.dumps(mapped(b.typical_record())))
    del record["consultations"]
    record["areas"] = [
        each for each in record["areas"] if each["area"] in ("allergies", "ended_allergies", "medications")
    ]
    assert "Medications and devices" in seen(preview.page([("record.json", orjson.dumps(record))]))


@pytest.mark.parametrize("area", [each for each in TABLE.areas if each.options], ids=lambda each: each.name)
def test_the_event_of_any_area_alone_is_a_page_and_every_other_is_not_known(area: AreaSpec[Any, Any]) -> None:
    asked = {**ASKED, area.name: {}}
    record = mapped(whole_record(), areas=asked)
    published = {each.kind: each for each in areas_published(record, Areas.model_validate(asked))}
    event = {"type": area.kind, "data": published[area.kind].data}
    html = preview.page([("events.json", orjson.dumps(event))])
    assert any("record.completed was not given" in each for each in alerts(html))
    assert list(of_class(html, "item"))
