"""Referrals: that somebody was referred, or meant to be, and no more (digest §5.6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import bundles as b
from tests.support.mapped import area, mapped

LIST = "792931000000107"
EVERYTHING: dict[str, dict[str, str]] = {"referrals": {}}


def referral(local_id="r1", **fields):
    return b.built(
        {
            "resourceType": "ReferralRequest",
            "id": local_id,
            "identifier": b.identifier(f"rr-{local_id}"),
            "status": "unknown",
            "intent": "order",
            "subject": b.reference("Patient/p1"),
            "reasonCode": [b.concept("308447003", "Referral to physiotherapist")],
        },
        fields,
    )


def record_of(*resources, areas=EVERYTHING):
    listed = [
        f"ReferralRequest/{each['id']}" for each in resources if each["resourceType"] == "ReferralRequest"
    ]
    return mapped(b.record(b.record_list(LIST, *listed), *resources), areas=areas)


def only(*resources):
    (found,) = record_of(*resources)["referrals"]
    return found


@pytest.mark.duty("CS-104")
@pytest.mark.parametrize("status", ["unknown", "cancelled", "active", "completed"])
def test_its_status_is_not_carried_whatever_it_is(status):
    sent = only(referral(status=status))
    assert not any("status" in name for name in sent)
    assert {**sent, "provenance": None} == {**only(referral()), "provenance": None}


@pytest.mark.duty("CS-105")
def test_what_is_no_referral_by_its_code_stays_as_it_was_coded():
    found = only(referral(reasonCode=[b.concept("26604007", "Full blood count")]))
    assert [each["term"] for each in found["reasons"]] == ["Full blood count"]


@pytest.mark.duty("CS-106")
def test_its_consultation_its_letters_and_the_problem_that_names_it_are_linked():
    letter = {
        "resourceType": "DocumentReference",
        "id": "d1",
        "identifier": b.identifier("d1"),
        "status": "current",
        "type": {"text": "Letter"},
        "subject": b.reference("Patient/p1"),
        "indexed": "2020-01-01T00:00:00Z",
        "content": [{"attachment": {"contentType": "text/plain", "size": 1}}],
    }
    record = record_of(
        referral(context=b.reference("Encounter/e1"), supportingInfo=[b.reference("DocumentReference/d1")]),
        letter,
        b.problem("c1", "ReferralRequest/r1"),
    )
    (found,) = record["referrals"]
    assert found["documents"] == [
        {
            "kind": "document",
            "in_record": True,
            "source_ref": "DocumentReference/d1",
            "item_id": f"{b.DATA}|d1",
        }
    ]
    assert found["consultation"] == {"kind": "consultation", "in_record": False, "reference": "Encounter/e1"}
    assert found["provenance"]["problem_refs"] == ["Condition/c1"]
    assert [each["linked_only"] for each in record["documents"]] == [True]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [("routine", "routine"), ("urgent", "urgent"), ("asap", "two_week_wait"), ("stat", "unknown")],
)
def test_a_priority_is_what_it_stands_for_in_ers_or_not_known(sent, shown):
    found = only(referral(priority=sent))
    assert found["priority"] == shown
    assert found.get("source_priority") == (sent if shown == "unknown" else None)


def test_one_without_priority_recipient_or_date_has_none():
    found = only(referral())
    assert not {"priority", "referred_at", "requester", "ubrn"} & set(found)
    assert found["recipients"] == []


@pytest.mark.parametrize("system", ["https://fhir.nhs.uk/Id/UBRN", "https://fhir.nhs.uk/Id/ubr-number"])
def test_a_booking_reference_is_found_among_the_identifiers(system):
    found = only(referral(identifier=[*b.identifier("rr"), *b.identifier("0000 4949 0001", system)]))
    assert found["ubrn"] == "0000 4949 0001"
    assert found["item_id"] == f"{b.DATA}|rr"


def test_a_booking_reference_that_is_old_is_none():
    old = {**b.identifier("000049490001", "https://fhir.nhs.uk/Id/UBRN")[0], "use": "old"}
    assert "ubrn" not in only(referral(identifier=[*b.identifier("rr"), old]))


def test_recipients_are_people_organisations_and_services():
    service = {"resourceType": "HealthcareService", "id": "h1", "name": "Heart failure clinic"}
    found = only(
        referral(recipient=[b.reference("HealthcareService/h1"), {"display": "Dr Somebody"}]),
        service,
    )
    assert [(party["kind"], party["name"]) for party in found["recipients"]] == [
        ("service", "Heart failure clinic"),
        ("unknown", "Dr Somebody"),
    ]


def test_words_keep_their_layout():
    words = "Referral for further care\n  Urgency: High Risk\r\nOutcome:  none "
    assert only(referral(description=words))["description"] == words


def test_a_search_by_date_says_nothing_of_what_lies_outside():
    record = record_of(
        referral(authoredOn="2020-02"), areas={"referrals": {"from": "2020-01-01", "to": "2020-12-31"}}
    )
    assert record["referrals"][0]["referred_at"] == {"value": "2020-02", "precision": "month"}
    assert area(record, "referrals")["limited_to"] == {"from": "2020-01-01", "to": "2020-12-31"}


ANYTHING = st.recursive(
    st.sampled_from([None, True, 7, 1.5, "", " ", "active", "2020-13"]),
    lambda each: (
        st.lists(each, max_size=3)
        | st.dictionaries(st.sampled_from(["reference", "coding", "agent", "text"]), each, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = [
    "reasonCode",
    "priority",
    "authoredOn",
    "recipient",
    "requester",
    "supportingInfo",
    "note",
    "basedOn",
    "context",
]


@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING))
def test_whatever_stands_in_one_it_is_told_or_listed_as_not_readable(fields):
    record = record_of({**referral(), **fields}, referral("r2"))
    found = {each["provenance"]["source_ref"] for each in record["referrals"]}
    aside = {each["source_ref"] for each in record["unmapped"]}
    assert found | aside >= {"ReferralRequest/r1", "ReferralRequest/r2"}
    assert "ReferralRequest/r2" in found
