"""Immunisations, diary entries and documents on the page: what was done apart from what was not, and why not."""

from typing import Any

import pytest

from bridge.areas.diary_entries.events import ADVICE
from bridge.areas.record_page import Events, render
from tests.support import bundles as b
from tests.support.mapped import mapped
from tests.support.record_pages import alerts, group, section, seen
from tests.support.whole_record import encounter, secondary, structure
from tests.unit.mapping.test_diary_entries import DONE, plan
from tests.unit.mapping.test_documents_of_record import reference
from tests.unit.mapping.test_immunisations import immunization, procedure

IMMUNISATIONS, DIARY, VISITS = "1102181000000102", "714311000000108", "1149501000000101"
NOT_DONE = b.concept("6041000175108", "Hepatitis A vaccination not done")


def page_of(*sent: Any, areas: Any) -> str:
    events = Events()
    events.add_record(mapped(b.record(*sent), areas=areas))
    return render(events)


def immunisations(*sent: Any) -> str:
    listed = b.record_list(IMMUNISATIONS, *(f"Immunization/{each['id']}" for each in sent))
    return page_of(listed, *sent, areas={"immunisations": {}})


@pytest.mark.duty("CS-096", "CS-097", "CS-098")
def test_what_was_not_given_stands_apart_with_its_reason_and_says_so_beside_its_name():
    refused = immunization(
        "i2",
        notGiven=True,
        extension=[procedure(NOT_DONE)],
        explanation={"reasonNotGiven": [b.concept("213257006", "Generally unwell")]},
    )
    html = immunisations(immunization(), refused, immunization("i3", notGiven=None))
    assert "Seasonal influenza vaccination (given)" in group(html, "given")
    assert "(not given)" not in group(html, "given")
    not_given = group(html, "not-given")
    assert "does not say never vaccinated" in not_given
    assert "Hepatitis A vaccination not done (not given)" in not_given
    assert "Not given because: Generally unwell" in not_given
    assert "Intended: 01-Oct-2025" in not_given
    assert "(not known whether given)" in group(html, "unknown")


def test_no_product_is_told_from_one():
    assert "No product is named." in seen(section(immunisations(immunization()), "immunisations"))


def test_an_empty_list_of_immunisations_does_not_say_that_there_were_none():
    html = section(immunisations(), "immunisations")
    assert any("Nobody stated that there is none." in each for each in alerts(html))


def diary(*sent: Any) -> str:
    listed = b.record_list(DIARY, *(f"ProcedureRequest/{each['id']}" for each in sent))
    return page_of(listed, *sent, areas={"diary_entries": {}})


@pytest.mark.duty("CS-107", "CS-108", "CS-111")
def test_a_diary_entry_is_planned_beside_its_name_and_above_all_of_them():
    html = section(diary(plan(code=DONE, status="completed")), "diary")
    assert "Influenza vaccination given (planned, not done)" in seen(html)
    assert ADVICE in alerts(html)
    assert "State as sent: completed; it is shown as not done all the same." in seen(html)
    assert "the earliest day, the latest or about the day" in seen(html)


def test_one_that_is_not_to_be_done_says_so_beside_its_name_and_wherever_it_is_named():
    sent = plan(code=DONE, doNotPerform=True)
    html = seen(section(diary(sent), "diary"))
    assert "Influenza vaccination given (NOT to be done, says the practice; planned, not done)" in html
    html = page_of(
        b.record_list(VISITS, "Encounter/e1"),
        encounter(),
        structure("t0", "325851000000107", "List/t1"),
        structure("t1", "25851000000105", "ProcedureRequest/p1"),
        sent,
        areas={"consultations": {}},
    )
    named = "Diary entry: Influenza vaccination given; NOT to be done, says the practice; planned, not done"
    assert named in seen(section(html, "consultations"))


@pytest.mark.duty("CS-096", "CS-109")
def test_a_consultation_that_names_them_says_it_too():
    html = page_of(
        b.record_list(VISITS, "Encounter/e1"),
        encounter(),
        structure("t0", "325851000000107", "List/t1"),
        structure("t1", "25851000000105", "ProcedureRequest/p1", "Immunization/i1"),
        plan(code=DONE),
        immunization(notGiven=True),
        areas={"consultations": {}},
    )
    said = seen(section(html, "consultations"))
    assert "Diary entry: Influenza vaccination given; planned, not done" in said
    assert "Immunisation: Seasonal influenza vaccination; not given" in said


def documents(*sent: Any) -> str:
    named = secondary(
        "consultations-documents-contained-in-consultations",
        *(f"DocumentReference/{each['id']}" for each in sent),
    )
    html = page_of(
        b.record_list(VISITS, "Encounter/e1"), encounter(), named, *sent, areas={"consultations": {}}
    )
    return section(html, "documents")


@pytest.mark.duty("DO-016", "DO-024", "DO-025")
def test_a_document_that_is_not_available_exists_and_one_that_is_hidden_from_the_patient_says_so():
    label = {"coding": [{"code": "NOPAT"}]}
    sent = {"contentType": "video/mpeg", "size": 31457280, "title": "Larger than 5 MB"}
    said = seen(documents(reference(content=[{"attachment": sent}], securityLabel=[label])))
    assert "It exists and is not available this way. Why: Larger than 5 MB" in said
    assert "Size: 31457280 bytes" in said
    assert "Not to be disclosed to the patient (NOPAT)." in said
    assert "not all documents of the patient" in said


def test_an_address_is_words_and_nothing_to_click_on():
    sent = {"url": 'https://example.nhs.uk/"><a href="x">', "title": "<b>Recalled</b>"}
    html = documents(reference(content=[{"attachment": sent}]))
    assert "<a" not in html
    assert "<b>" not in html
    assert "Said beside it: <b>Recalled</b>" in seen(html)
