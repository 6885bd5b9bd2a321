"""Immunisations: what was given, what was not, and what must not be taken for either."""

from typing import Any

import pytest

from bridge.areas.requests import Areas
from tests.support import bundles as b
from tests.support.mapped import area, mapped
from tests.support.whole_record import observation

LIST = "1102181000000102"
WANTED: dict[str, Any] = {"immunisations": {}}
HL7 = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect"
NHS = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC"
UNKNOWN = b.concept("UNK", "unknown", "http://hl7.org/fhir/v3/NullFlavor ")
INFLUENZA = b.concept("822851000000102", "Seasonal influenza vaccination")


def procedure(code, host=HL7):
    return {"url": f"{host}-VaccinationProcedure-1", "valueCodeableConcept": code}


def immunization(local_id="i1", **overrides):
    return b.built(
        {
            "resourceType": "Immunization",
            "id": local_id,
            "identifier": b.identifier(f"im-{local_id}"),
            "extension": [
                procedure(INFLUENZA),
                {"url": f"{HL7}-DateRecorded-1", "valueDateTime": "2025-10-02T09:00:00+00:00"},
            ],
            "status": "completed",
            "notGiven": False,
            "vaccineCode": UNKNOWN,
            "patient": b.reference("Patient/p1"),
            "date": "2025-10-01",
            "primarySource": True,
        },
        overrides,
    )


def record_of(*sent, areas=WANTED):
    targets = [f"{each['resourceType']}/{each['id']}" for each in sent]
    return mapped(b.record(b.record_list(LIST, *targets), *sent), areas=areas)


def one(**overrides):
    (found,) = record_of(immunization(**overrides))["immunisations"]
    return found


@pytest.mark.duty("CS-096")
@pytest.mark.parametrize("not_given", [True, False])
def test_what_was_not_given_is_told_from_what_was_by_that_element_alone(not_given):
    found = one(notGiven=not_given, status="completed")
    assert found["given"] is not not_given
    assert "source_status" not in found


@pytest.mark.duty("CS-096")
@pytest.mark.parametrize("not_given", [None, "perhaps", 7, []])
def test_where_nobody_says_whether_it_was_given_it_is_neither(not_given):
    found = one(notGiven=not_given)
    assert "given" not in found
    assert "given_unknown" in found["issue_codes"]


def test_a_yes_in_quotes_is_read():
    assert one(notGiven="true")["given"] is False


@pytest.mark.duty("CS-097", "CS-098")
@pytest.mark.parametrize("name", ["reasonNotGiven", "notGivenReason"])
def test_why_it_was_not_given_stands_beside_the_code_that_says_so(name):
    not_done = b.concept("6041000175108", "Hepatitis A vaccination not done")
    found = one(
        notGiven=True,
        extension=[procedure(not_done)],
        explanation={name: [b.concept("213257006", "Generally unwell")]},
    )
    assert found["given"] is False
    assert found["procedure"]["term"] == "Hepatitis A vaccination not done"
    assert [each["term"] for each in found["not_given_reasons"]] == ["Generally unwell"]
    assert found["reasons"] == []
    # It is one event on one day.
    assert found["date"]["value"] == "2025-10-01"


def test_a_reason_for_giving_it_is_no_refusal():
    found = one(explanation={"reason": [b.concept("171279008", "Immunisation due", text="Routine Measure")]})
    assert found["given"] is True
    assert [each["term"] for each in found["reasons"]] == ["Routine Measure"]
    assert found["not_given_reasons"] == []


def test_one_that_says_both_is_neither():
    found = one(explanation={"reasonNotGiven": [b.concept("213257006", "Generally unwell")]})
    assert "given" not in found
    assert "status_conflict" in found["issue_codes"]
    assert len(found["not_given_reasons"]) == 1


@pytest.mark.parametrize("status", ["entered-in-error", "in-progress"])
def test_a_state_other_than_completed_is_told_and_makes_nothing_given(status):
    found = one(status=status)
    assert found["source_status"] == status
    assert "unknown_status" in found["issue_codes"]
    assert found.get("given") is (None if status == "entered-in-error" else True)


@pytest.mark.parametrize("code", [UNKNOWN, {**UNKNOWN, "text": "Influenza?"}, {}])
def test_a_null_flavour_is_no_vaccine(code):
    found = one(vaccineCode=code)
    assert "vaccine" not in found
    assert found["vaccine_absent_reason"]["coding_quality"] in ("null_flavour", "empty")
    assert found["procedure"]["term"] == "Seasonal influenza vaccination"


def test_a_product_is_the_vaccine():
    found = one(vaccineCode=b.concept("15399311000001108", "Ixiaro"))
    assert found["vaccine"]["concept_id"] == "15399311000001108"
    assert "vaccine_absent_reason" not in found


@pytest.mark.parametrize(("sent", "reported"), [(True, "unknown"), (False, "yes"), (None, "unknown")])
def test_a_practice_that_does_not_know_who_gave_it_sends_the_same_as_one_that_did(sent, reported):
    assert one(primarySource=sent)["reported"] == reported


@pytest.mark.parametrize("host", [HL7, NHS, f"{HL7}-GPC", HL7.replace("https", "http")])
def test_extensions_are_found_whatever_their_host(host):
    sent = [
        procedure(INFLUENZA, host),
        {"url": f"{host}-DateRecorded-1", "valueDateTime": "2025-10"},
        {"url": f"{host}-ParentPresent-1", "valueBoolean": False},
    ]
    found = one(extension=sent)
    assert found["procedure"]["concept_id"] == "822851000000102"
    assert found["recorded_at"] == {"value": "2025-10", "precision": "month"}
    assert found["provenance"]["recorded_at"] == found["recorded_at"]
    assert found["parent_present"] is False
    assert "unknown_extension" not in found["issue_codes"]


def test_who_gave_it_and_who_wrote_it_down_are_told_apart():
    role = "http://hl7.org/fhir/v2/0443"
    both = {"coding": [b.coding("AP", system=role), b.coding("EP", system=role)]}
    found = one(
        practitioner=[
            {"role": both, "actor": b.reference("Practitioner/dr1")},
            {"actor": {"display": "Nurse"}},
            {"role": b.concept("OP", "Ordering Provider", role), "actor": {"display": "Dr B"}},
        ]
    )
    assert [each["roles"] for each in found["performers"]] == [["administering", "entering"], [], []]
    assert found["performers"][2]["role_as_sent"]["term"] == "Ordering Provider"
    assert found["provenance"]["author"] == found["provenance"]["recorder"] == found["performers"][0]["party"]


def test_the_dose_and_what_it_counts_for():
    hepatitis = b.concept("40468003", "Viral hepatitis, type A")
    counts = b.concept("count", "Counts", "http://hl7.org/fhir/vaccination-protocol-dose-status")
    found = one(
        doseQuantity={"value": "0.50", "unit": "ML"},
        vaccinationProtocol=[
            {
                "doseSequence": 2,
                "seriesDoses": 3,
                "description": "Travel",
                "targetDisease": [hepatitis],
                "doseStatus": counts,
            }
        ],
    )
    assert found["dose"] == {"value": 0.5, "value_as_sent": "0.50", "unit": "ML"}
    assert found["dose_number"] == 2
    (protocol,) = found["protocols"]
    assert (protocol["doses_in_series"], protocol["description"]) == (3, "Travel")
    assert "dose_status" not in protocol
    assert [each["term"] for each in found["target_diseases"]] == ["Viral hepatitis, type A"]


def test_doses_of_several_protocols_are_not_one_number():
    found = one(
        vaccinationProtocol=[
            {"doseSequence": 1, "doseStatus": b.concept("nocount", "Does not count")},
            {"doseSequence": 2},
        ]
    )
    assert "dose_number" not in found
    assert [each["dose_number"] for each in found["protocols"]] == [1, 2]
    assert found["protocols"][0]["dose_status"]["term"] == "Does not count"


def test_every_other_detail_is_kept_as_sent():
    found = one(
        lotNumber=" A 1",
        expirationDate="2026",
        site=b.concept("368208006", "Left upper arm"),
        route=b.concept("78421000", "Intramuscular"),
        manufacturer={"display": "A maker"},
        location=b.reference("Location/gone"),
        reportOrigin={"text": "School"},
        encounter=b.reference("Encounter/e1"),
        note=[{"text": "Line one\n  line two"}],
        date="2025",
    )
    assert found["batch"] == " A 1"
    assert found["expires"] == {"value": "2026", "precision": "year"}
    assert (found["site"]["term"], found["route"]["term"]) == ("Left upper arm", "Intramuscular")
    assert found["manufacturer"]["name"] == "A maker"
    assert found["location"] == {"kind": "location", "ref": "Location/gone"}
    assert found["report_origin"]["term"] == "School"
    assert found["provenance"]["encounter_ref"] == "Encounter/e1"
    assert found["notes"] == [{"text": "Line one\n  line two", "audience": "unspecified"}]
    assert found["date"] == {"value": "2025", "precision": "year"}


def test_what_may_change_its_meaning_is_told():
    assert "modifier_extension" in one(modifierExtension=[{"url": "https://example.nhs.uk/x"}])["issue_codes"]


@pytest.mark.duty("CS-099")
def test_none_is_left_out_for_its_type():
    types = [
        b.concept("822851000000102", "Influenza"),
        b.concept("50583002", "Mumps"),
        {"text": "Traveller's"},
    ]
    sent = [immunization(f"i{n}", extension=[procedure(code)]) for n, code in enumerate(types)]
    record = record_of(*sent)
    assert {each["procedure"]["term"] for each in record["immunisations"]} == {
        "Influenza",
        "Mumps",
        "Traveller's",
    }
    assert area(record, "immunisations")["complete"]


def test_the_newest_comes_first_and_what_shares_an_identifier_is_kept_apart():
    old, new = immunization("i1", date="2019"), immunization("i2", date="2024-05-01")
    assert [each["item_id"][-2:] for each in record_of(old, new)["immunisations"]] == ["i2", "i1"]
    twice = record_of(immunization("i1"), immunization("i2", identifier=b.identifier("im-i1")))
    assert len({each["item_id"] for each in twice["immunisations"]}) == 2


def test_an_empty_list_does_not_say_that_nobody_was_vaccinated():
    record = mapped(b.record(b.record_list(LIST)), areas=WANTED)
    assert record["immunisations"] == []
    assert area(record, "immunisations")["outcome"] == "nothing_recorded"


def test_a_status_entry_is_no_immunisation():
    record = record_of(immunization(), observation("o3", b.concept("310376006", "Consent given")))
    assert [each["provenance"]["source_ref"] for each in record["immunisations"]] == ["Immunization/i1"]
    assert area(record, "immunisations")["listed"] == 2


@pytest.mark.duty("CS-025")
def test_both_parts_are_always_stated():
    said = Areas.model_validate(WANTED).parameters()["includeImmunisations"]
    assert said == {"includeNotGiven": True, "includeStatus": True}
    less = {"include_not_given": False, "include_statuses": False}
    said = Areas.model_validate({"immunisations": less}).parameters()["includeImmunisations"]
    assert said == {"includeNotGiven": False, "includeStatus": False}


def test_beside_consultations_they_go_unsaid_and_what_that_means_is_known():
    both = Areas.model_validate({"consultations": {}, "immunisations": {}})
    assert both.parameters()["includeImmunisations"] == {}
    taken = both.options()["immunisations"].model_dump()
    assert taken == {"include_not_given": False, "include_statuses": True}
