"""Diary entries: planned, and not done, whatever they look like."""

from datetime import date
from typing import Any

import pytest

from bridge.areas.diary_entries.events import ADVICE, diary_entries_published
from bridge.areas.requests import Areas
from bridge.errors import BridgeError
from bridge.gpconnect import rules
from tests.support import bundles as b
from tests.support.mapped import area, mapped
from tests.support.whole_record import encounter

LIST = "714311000000108"
WANTED: dict[str, Any] = {"diary_entries": {}}
DONE = b.concept("86198006", "Influenza vaccination given")


def plan(local_id="p1", **overrides):
    return b.built(
        {
            "resourceType": "ProcedureRequest",
            "id": local_id,
            "identifier": b.identifier(f"pr-{local_id}"),
            "status": "active",
            "intent": "plan",
            "code": b.concept("314529007", "Medication review due"),
            "subject": b.reference("Patient/p1"),
            "occurrenceDateTime": "2026-12-01",
            "authoredOn": "2026-02-03T10:15:00+00:00",
            "requester": {"agent": b.reference("Practitioner/dr1")},
        },
        overrides,
    )


def record_of(*sent, more=(), areas=WANTED):
    targets = [f"ProcedureRequest/{each['id']}" for each in sent]
    return mapped(b.record(b.record_list(LIST, *targets), *sent, *more), areas=areas)


def one(*more, **overrides):
    (found,) = record_of(plan(**overrides), more=more)["diary_entries"]
    return found


@pytest.mark.duty("CS-107", "CS-109")
@pytest.mark.parametrize("status", ["active", "completed", "unknown", None])
def test_it_is_planned_and_not_done_whatever_its_code_or_state_says(status):
    found = one(code=DONE, status=status)
    assert found["meaning"] == "planned_not_done"
    assert found["code"]["term"] == "Influenza vaccination given"
    assert found.get("source_status") == (status if status != "active" else None)
    assert ("unknown_status" in found["issue_codes"]) is (status != "active")


@pytest.mark.duty("CS-107", "CS-108", "CS-109", "CS-111")
def test_the_event_says_so_as_well_and_that_some_may_have_been_done():
    record: Any = record_of(plan(code=DONE))
    data = diary_entries_published(record).data
    assert data["meaning"] == "planned_not_done"
    assert data["advice"] == ADVICE
    assert "not complete" in ADVICE
    assert "may have been done" in ADVICE
    assert "medication reviews" in ADVICE
    assert [each["meaning"] for each in data["items"]] == ["planned_not_done"]


@pytest.mark.parametrize(
    ("sent", "due"),
    [
        ({"occurrenceDateTime": "2027-03"}, {"from": "2027-03"}),
        ({"occurrenceDateTime": None, "occurrence": "2027-03-01"}, {"from": "2027-03-01"}),
        (
            {"occurrenceDateTime": None, "occurrencePeriod": {"start": "2027-03-01", "end": "2027-04"}},
            {"from": "2027-03-01", "to": "2027-04"},
        ),
        ({"occurrenceDateTime": None, "occurrence": {"start": "2027", "end": "2028"}}, {"from": "2027", "to": "2028"}),
        ({"occurrenceDateTime": None, "occurrencePeriod": {"end": "2028"}}, {"to": "2028"}),
        ({"occurrenceDateTime": None}, None),
    ],
)  # fmt: skip
def test_when_it_is_due_is_as_precise_as_it_was_sent(sent, due):
    found = one(**sent).get("due")
    assert (found and {key: value["value"] for key, value in found.items()}) == due


def test_one_that_is_overdue_is_shown_and_comes_first():
    record = record_of(plan("p1"), plan("p2", occurrenceDateTime="1983-09-07"))
    assert [each["due"]["from"]["value"] for each in record["diary_entries"]] == ["1983-09-07", "2026-12-01"]
    assert area(record, "diary_entries")["complete"]


@pytest.mark.duty("CS-110")
def test_the_date_of_its_consultation_goes_before_that_of_its_entry():
    visit = encounter("e1", period={"start": "2026-01-20T09:00:00+00:00"})
    found = one(visit, context=b.reference("Encounter/e1"))
    assert found["originated_at"]["value"] == "2026-01-20T09:00:00+00:00"
    assert found["entered_at"]["value"] == "2026-02-03T10:15:00+00:00"
    assert found["consultation"]["source_ref"] == "Encounter/e1"
    assert found["provenance"]["encounter_ref"] == "Encounter/e1"


@pytest.mark.duty("CS-110")
@pytest.mark.parametrize(
    "more",
    [
        [],
        [encounter("e1", period=None)],
        [encounter("e1", period={"start": "1900-01-01"})],
        [encounter("e1", subject=b.reference("Patient/other"))],
        [encounter("e1"), encounter("e1", period={"start": "2020-01-01"})],
    ],
    ids=["not sent", "undated", "a placeholder", "another patient's", "one of two"],
)
def test_without_a_date_of_a_consultation_that_of_its_entry_counts(more):
    found = one(*more, b.patient("other", nhs_number=b.OTHER_NHS_NUMBER), context=b.reference("Encounter/e1"))
    assert found["originated_at"] == found["entered_at"]


def test_every_other_detail_is_kept_as_sent():
    found = one(
        reasonCode=[b.concept("195967001", "Asthma")],
        supportingInfo=[b.reference("DocumentReference/gone"), {"display": "Documents have been disabled."}],
        note=[{"text": "Bring your\n  inhaler"}],
        requester={"agent": {"display": "A device"}},
    )
    assert [each["term"] for each in found["reasons"]] == ["Asthma"]
    assert [each["kind"] for each in found["documents"]] == ["document", "unknown"]
    assert found["documents"][1]["display"] == "Documents have been disabled."
    assert found["notes"][0]["text"] == "Bring your\n  inhaler"
    assert found["requester"] == {"kind": "unknown", "name": "A device"}
    assert found["requester"] == found["provenance"]["author"]


@pytest.mark.duty("CS-068")
def test_one_without_a_snomed_code_is_to_be_stored_as_a_plan():
    local = b.concept("XE1", "Recall", "https://example.nhs.uk/local")
    assert one(code=local)["code"]["degrade_code"] == "196451000000104"


def test_one_that_is_not_to_be_done_says_so():
    found = one(doNotPerform=True)
    assert found["do_not_perform"] is True
    assert "element_not_in_profile" in found["issue_codes"]
    assert "do_not_perform" not in one(doNotPerform=False)
    assert "unreadable_element" in one(doNotPerform="perhaps")["issue_codes"]


def test_what_may_say_the_opposite_is_told():
    assert "modifier_extension" in one(modifierExtension=[{"url": "https://example.nhs.uk/x"}])["issue_codes"]


def test_a_request_behind_an_investigation_is_no_diary_entry():
    record = record_of(plan(), more=[plan("p2", intent="order")])
    assert [each["provenance"]["source_ref"] for each in record["diary_entries"]] == ["ProcedureRequest/p1"]
    assert area(record, "diary_entries")["received"] == 1


def test_an_empty_diary_is_told_from_one_that_was_not_asked_for():
    assert (
        area(mapped(b.record(b.record_list(LIST)), areas=WANTED), "diary_entries")["outcome"]
        == "nothing_recorded"
    )
    other = mapped(b.record(), areas={"allergies": {}})
    assert area(other, "diary_entries")["outcome"] == "not_requested"


def test_it_is_asked_for_until_a_day_and_the_record_says_so():
    until = {"diary_entries": {"until": "2026-12-31"}}
    asked = Areas.model_validate(until)
    assert asked.parameters() == {"includeDiaryEntries": {"diaryEntriesSearchDate": date(2026, 12, 31)}}
    assert Areas.model_validate(WANTED).parameters() == {"includeDiaryEntries": {}}
    assert area(record_of(plan(), areas=until), "diary_entries")["limited_to"] == {"until": "2026-12-31"}


def test_a_day_that_is_past_is_refused_by_the_name_of_the_field():
    asked = Areas.model_validate({"diary_entries": {"until": "2026-12-30"}})
    assert asked.name_of("includeDiaryEntries", "diaryEntriesSearchDate") == "data.areas.diary_entries.until"
    rules.check(asked.parameters(), today=date(2026, 12, 30))
    with pytest.raises(BridgeError):
        rules.check(asked.parameters(), today=date(2026, 12, 31))
