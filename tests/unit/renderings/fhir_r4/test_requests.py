"""Referrals and diary entries in R4: what was asked for or planned, and never that it was done."""

from typing import Any

import pytest

from tests.support import bundles as b
from tests.support.r4 import absent, of_kind, rendered
from tests.support.whole_record import procedure_request


def planned(**sent: Any) -> dict[str, Any]:
    entry = procedure_request("p1", "plan", **sent)
    [found] = of_kind(
        rendered(b.record_list("714311000000108", "ProcedureRequest/p1"), entry), "ServiceRequest"
    )
    return found


def referred(*others: dict[str, Any], **sent: Any) -> dict[str, Any]:
    referral = b.built(
        {
            "resourceType": "ReferralRequest",
            "id": "rr1",
            "identifier": b.identifier("0001", "https://fhir.nhs.uk/Id/UBRN"),
            "status": "active",
            "intent": "order",
            "subject": b.reference("Patient/p1"),
            "reasonCode": [b.concept("183521002", "Referral to respiratory physician")],
        },
        sent,
    )
    bundle = rendered(b.record_list("792931000000107", "ReferralRequest/rr1"), referral, *others)
    [found] = of_kind(bundle, "ServiceRequest")
    return found


def notes(found: dict[str, Any]) -> list[str]:
    return [each["text"] for each in found.get("note", ())]


def test_a_diary_entry_is_a_plan_and_says_when_it_is_due():
    found = planned(occurrenceDateTime="2026-12", note=[{"text": "Bring your inhaler"}])
    assert (found["intent"], found["status"]) == ("plan", "active")
    assert found["occurrenceDateTime"] == "2026-12"
    assert found["authoredOn"] == "2026-02-03"
    assert notes(found) == ["Bring your inhaler"]


def test_a_diary_entry_not_to_do_something_says_that():
    assert planned(doNotPerform=True)["doNotPerform"] is True


@pytest.mark.parametrize(
    ("sent", "told"),
    [("suspended", "on-hold"), ("cancelled", "revoked"), ("done", "unknown"), (None, "unknown")],
)
def test_a_state_is_one_of_r4_or_unknown(sent: str | None, told: str):
    assert planned(status=sent)["status"] == told


def test_a_referral_says_neither_state_nor_intent_which_mean_nothing():
    found = referred()
    assert (found["status"], found["_intent"]) == ("unknown", absent())
    assert found["category"][0]["coding"][0]["code"] == "3457005"
    assert {"system": "https://fhir.nhs.uk/Id/UBRN", "value": "0001"} in found["identifier"]
    assert found["reasonCode"][0]["coding"][0]["code"] == "183521002"


@pytest.mark.parametrize(
    ("sent", "told", "words"),
    [
        ("routine", "routine", []),
        ("urgent", "urgent", []),
        ("asap", "urgent", ["Priority: two-week wait"]),
        ("stat", None, ["Priority as sent: stat"]),
        (None, None, []),
    ],
)
def test_a_priority_is_one_that_r4_has_or_words(sent: str | None, told: str | None, words: list[str]):
    found = referred(priority=sent)
    assert found.get("priority") == told
    assert notes(found) == words


def test_services_are_code_and_detail_and_the_description_is_a_note():
    found = referred(
        serviceRequested=[{"text": "Chest clinic"}],
        specialty={"text": "Respiratory"},
        description="Please see",
    )
    assert (found["code"], found["orderDetail"]) == ({"text": "Chest clinic"}, [{"text": "Respiratory"}])
    assert notes(found) == ["Please see"]


def test_a_letter_that_was_not_sent_is_no_dangling_reference():
    found = referred(supportingInfo=[b.reference("DocumentReference/gone")])
    assert all("reference" not in each for each in found["supportingInfo"])
