"""The record as a whole: independence of order, provenance, accounting, ids."""

import copy
from typing import Any

import orjson
import pytest

from bridge.areas import map_record
from bridge.errors import ResponseInvalid
from bridge.mapping import Asked, Source
from tests.support import bundles as b
from tests.support.mapped import SOURCE, allergy, area, course, issue_codes, mapped

NOPAT = {"system": "http://hl7.org/fhir/v3/ActCode", "code": "NOPAT"}


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"resourceType": "OperationOutcome"}, "resourceType OperationOutcome"),
        ({}, "no resourceType"),
        ({"resourceType": "9990000018"}, "no resourceType"),
        ({"resourceType": ["Bundle"]}, "no resourceType"),
        ([], "JSON list"),
        (None, "JSON NoneType"),
    ],
)
def test_what_is_no_bundle_is_refused(value: Any, named: str) -> None:
    with pytest.raises(ResponseInvalid) as refused:
        mapped(value)
    assert refused.value.detail == named
    assert refused.value.stage == "mapping"
    assert refused.value.body_sha256 == SOURCE.body_sha256


@pytest.mark.parametrize("entry", [None, {}, "x", [], [None, 1, "x", [], {"resource": 1}, {"resource": {}}]])
def test_a_bundle_with_nothing_in_it(entry: Any) -> None:
    record = mapped({"resourceType": "Bundle", "entry": entry})
    assert record["medications"] == []
    assert record["allergies"] == []
    assert record["demographics"]["verdict"] == "reject"
    assert record["accounting"]["unmapped"] == len(record["unmapped"]) == record["accounting"]["received"]


@pytest.mark.duty("CS-033", "CS-034", "CS-035", "SP-096", "SP-097")
def test_order_full_urls_and_times_of_update_mean_nothing() -> None:
    bundle = b.typical_record()
    usual = mapped(bundle)
    other = copy.deepcopy(bundle)
    other["entry"].reverse()
    other["id"] = "another-trace"
    for entry in other["entry"]:
        entry["fullUrl"] = "urn:uuid:0193c6a0-7d1e-7c32-9a51-2f6d0c1b7e10"
        meta = entry["resource"].setdefault("meta", {})
        meta["lastUpdated"], meta["versionId"] = "2026-11-22T09:00:00Z", "7"
        if entry["resource"]["resourceType"] == "List":
            entry["resource"]["date"] = "2026-11-23T09:00:00Z"
    assert mapped(other) == usual


def test_the_snapshot_id_is_that_of_the_content_and_the_request() -> None:
    bundle = b.typical_record()
    first = mapped(bundle)["snapshot_id"]
    same = {**bundle, "id": "other", "entry": bundle["entry"][::-1]}
    assert mapped(same)["snapshot_id"] == first
    later = Source(request_id="request-1", retrieved_at="2026-11-22T09:05:00Z", body_sha256="1" * 64)
    asked = Asked(nhs_number=b.NHS_NUMBER)
    assert map_record(bundle, asked=asked, source=later)["snapshot_id"] == first
    other = Source(request_id="request-2", retrieved_at="2026-11-22T09:00:00Z", body_sha256="0" * 64)
    assert map_record(bundle, asked=asked, source=other)["snapshot_id"] != first


@pytest.mark.parametrize(
    "changed",
    [
        b.order("order1", status="stopped"),
        b.medication(code=b.concept("323509004", "Amoxicillin 500mg capsules")),
        b.record_list(b.ALLERGIES_LIST, "AllergyIntolerance/a1", warnings=("confidential-items",)),
    ],
)
def test_whatever_changes_in_the_record_changes_the_snapshot_id(changed: b.Resource) -> None:
    def name(resource: b.Resource) -> Any:
        return (
            resource["resourceType"],
            resource.get("id"),
            resource.get("code") if "entry" in resource else None,
        )

    before = b.typical_record()
    after = [
        changed if name(each["resource"]) == name(changed) else each["resource"] for each in before["entry"]
    ]
    assert mapped(b.bundle(*after))["snapshot_id"] != mapped(before)["snapshot_id"]


def test_verdict_counts_and_what_could_not_be_read_are_part_of_the_snapshot() -> None:
    bundle = b.typical_record()
    records = [
        mapped(bundle),
        mapped(bundle, family_name="Other"),
        mapped({**bundle, "entry": [*bundle["entry"], {"resource": b.organisation("o9")}]}),
        mapped({**bundle, "entry": [*bundle["entry"], {"search": {"mode": "match"}}]}),
    ]
    assert [record["demographics"]["verdict"] for record in records] == [
        "accept",
        "review",
        "accept",
        "accept",
    ]
    assert len({record["snapshot_id"] for record in records}) == len(records)


@pytest.mark.duty("CS-052", "CS-053")
def test_the_record_says_where_and_when_it_was_had() -> None:
    record = mapped(b.typical_record())
    assert record["retrieved_at"] == "2026-11-22T09:00:00Z"
    assert "GP" in record["source_label"]
    assert record["source_hash"] == "sha256:" + "0" * 64
    assert record["patient_key"] == "k1-0"
    assert record["schema_version"] == "1.0"


@pytest.mark.duty("CS-046", "CS-047")
def test_every_item_keeps_its_business_ids_and_its_logical_id() -> None:
    two = [*b.identifier("one"), *b.identifier("two", "https://other.example/id")]
    found = course(mapped(b.record(b.medication(), b.statement(identifier=two), b.plan(), b.order())))
    assert found["item_id"] == f"{b.DATA}|one"
    assert found["provenance"]["business_ids"] == [
        {"value": "one", "system": b.DATA},
        {"value": "two", "system": "https://other.example/id"},
    ]
    assert found["provenance"]["source_ref"] == "MedicationStatement/s1"
    assert found["plan"]["provenance"]["source_ref"] == "MedicationRequest/plan1"
    assert found["plan"]["issues"][0]["provenance"]["source_ref"] == "MedicationRequest/order1"


@pytest.mark.duty("CS-046")
def test_an_item_without_a_business_id_says_so() -> None:
    found = allergy(mapped(b.record(b.allergy(identifier=None))))
    assert found["item_id"] == "AllergyIntolerance/a1"
    assert "unstable_id" in found["issue_codes"]


@pytest.mark.duty("CS-046")
@pytest.mark.parametrize("use", ["old", " old "])
def test_an_identifier_that_is_old_is_carried_but_never_the_id_of_an_item(use: str) -> None:
    (old,) = b.identifier("before")
    given = [{**old, "use": use}, *b.identifier("now")]
    record = mapped(
        b.record(
            b.medication(), b.statement(identifier=given), b.plan(identifier=given), b.order(identifier=given)
        )
    )
    plan = course(record)["plan"]
    for found in (course(record), plan, *plan["issues"]):
        assert found["item_id"] == f"{b.DATA}|now"
        assert found["provenance"]["business_ids"][0] == {"value": "before", "system": b.DATA, "use": "old"}
    only = allergy(mapped(b.record(b.allergy(identifier=[{**old, "use": use}]))))
    assert only["item_id"] == "AllergyIntolerance/a1"
    assert "unstable_id" in only["issue_codes"]


@pytest.mark.duty("CS-046")
def test_items_with_one_business_id_are_never_merged() -> None:
    record = mapped(b.record(*(b.allergy(each, identifier=b.identifier("same")) for each in ("a1", "a2"))))
    ids = [each["item_id"] for each in record["allergies"]]
    assert ids == [f"{b.DATA}|same#AllergyIntolerance/a1", f"{b.DATA}|same#AllergyIntolerance/a2"]
    assert all("identifier_clash" in each["issue_codes"] for each in record["allergies"])
    clashes = [each for each in record["issues"] if each["code"] == "identifier_clash"]
    assert [(each["source_ref"], each["path"]) for each in clashes] == [
        ("AllergyIntolerance/a1", "identifier"),
        ("AllergyIntolerance/a2", "identifier"),
    ]


def test_different_resources_with_one_id_are_all_kept() -> None:
    record = mapped(b.record(b.allergy(), b.allergy(criticality="low")))
    assert {each["criticality"] for each in record["allergies"]} == {"high", "low"}
    assert len({each["item_id"] for each in record["allergies"]}) == 2
    assert "duplicate_id" in issue_codes(record)
    assert not area(record, "allergies")["complete"]


IBUPROFEN = b.concept("387207008", "Ibuprofen")


@pytest.mark.parametrize("order", [1, -1])
def test_two_drugs_under_one_id_are_never_stated_as_one(order: int) -> None:
    bundle = b.typical_record()
    bundle["entry"] = [*bundle["entry"], {"resource": b.medication(code=IBUPROFEN)}][::order]
    record = mapped(bundle)
    found = course(record)
    for part in (found, found["plan"]):
        assert {"medication_conflict", "duplicate_id"} <= set(part["issue_codes"])
    named = found["medication"]
    assert named["term"] == "Not known which: Amoxicillin 250mg capsules / Ibuprofen"
    assert named["coding_quality"] == "text_only"
    assert "concept_id" not in named
    assert named["codings"] == []
    assert {"duplicate_id", "medication_conflict"} <= issue_codes(record)
    assert not area(record, "medications")["complete"]
    assert area(record, "allergies")["complete"]


def test_one_drug_under_one_id_with_two_codes_keeps_its_name_alone() -> None:
    bundle = b.typical_record()
    bundle["entry"].append(
        {"resource": b.medication(code=b.concept("387207008", "Amoxicillin 250mg capsules"))}
    )
    named = course(mapped(bundle))["medication"]
    assert (named["term"], named["coding_quality"]) == ("Amoxicillin 250mg capsules", "text_only")
    assert "concept_id" not in named


def test_two_contained_drugs_of_one_id_are_never_stated_as_one() -> None:
    contained = [b.medication("x"), b.medication("x", code=IBUPROFEN)]
    drug: dict[str, Any] = {"contained": contained, "medicationReference": b.reference("#x")}
    found = course(mapped(b.record(b.statement(**drug), b.plan(**drug))))
    assert found["medication"]["coding_quality"] == "text_only"
    assert "medication_conflict" in found["issue_codes"]


def test_a_drug_sent_twice_alike_is_no_choice() -> None:
    bundle = b.typical_record()
    bundle["entry"] += [{"resource": b.medication()}, {"resource": b.medication(meta={"versionId": "7"})}]
    record = mapped(bundle)
    assert course(record)["medication"]["coding_quality"] == "coded"
    bundle["entry"].append({"resource": b.medication(form={"text": "capsule"})})
    record = mapped(bundle)
    assert course(record)["medication"]["coding_quality"] == "coded"
    assert "duplicate_id" in course(record)["issue_codes"]


@pytest.mark.parametrize(
    ("other", "of_medications", "of_allergies"),
    [
        (b.practitioner(name=[{"family": "Roe"}]), True, True),
        (b.organisation(name="Other Surgery"), True, True),
        (b.role(organization=None), True, True),
        (b.plan(status="stopped"), True, False),
        (b.statement(status="stopped"), True, False),
        (b.patient(gender="male"), True, True),
        ({"resourceType": "Location", "id": "l1", "name": "x"}, False, False),
    ],
    ids=lambda each: each["resourceType"] if isinstance(each, dict) else "",
)
def test_what_depends_on_a_choice_is_told_and_its_area_is_not_complete(
    other: dict[str, Any], of_medications: bool, of_allergies: bool
) -> None:
    bundle = b.typical_record()
    bundle["entry"] += [{"resource": each} for each in (b.role(), {"resourceType": "Location", "id": "l1"})]
    assert area(mapped(bundle), "medications")["complete"]
    assert area(mapped(bundle), "allergies")["complete"]
    bundle["entry"].append({"resource": other})
    record = mapped(bundle)
    told = {each.get("source_ref") for each in record["issues"] if each["code"] == "duplicate_id"}
    assert f"{other['resourceType']}/{other['id']}" in told
    assert area(record, "medications")["complete"] != of_medications
    assert area(record, "allergies")["complete"] != of_allergies
    if other["resourceType"] != "Patient":
        assert ("duplicate_id" in record["allergies"][0]["issue_codes"]) == of_allergies


def test_ended_allergies_of_one_id_in_their_list_are_told() -> None:
    record = mapped(b.record(b.ended_list(b.ended_allergy(), b.ended_allergy(criticality="low"))))
    assert len(record["allergies"]) == 2
    assert all("duplicate_id" in each["issue_codes"] for each in record["allergies"])
    assert not area(record, "ended_allergies")["complete"]


def test_an_identical_copy_is_listed_and_not_counted_twice() -> None:
    record = mapped(b.record(b.allergy(), b.allergy()))
    assert len(record["allergies"]) == 1
    assert [each["reason"] for each in record["unmapped"]] == ["duplicate_id"]


@pytest.mark.duty("CS-045")
def test_problems_are_joined_to_the_items_they_name() -> None:
    minor = {
        "url": "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-ProblemSignificance-1",
        "valueCode": "minor",
    }
    actual = {
        "url": "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-ActualProblem-1",
        "valueReference": b.reference("MedicationRequest/order1"),
    }
    bundle = b.typical_record()
    bundle["entry"].append({"resource": b.problem("c2", extension=[minor, actual])})
    bundle["entry"].append({"resource": b.problem("c3", "Observation/o1")})
    record = mapped(bundle)
    plan = course(record)["plan"]
    assert plan["provenance"]["problem_refs"] == ["Condition/c1"]
    issues = {each["provenance"]["source_ref"]: each for each in plan["issues"]}
    assert issues["MedicationRequest/order1"]["provenance"]["problem_refs"] == ["Condition/c2"]
    linked = {each["source_ref"]: each for each in record["linked_problems"]}
    assert set(linked) == {"Condition/c1", "Condition/c2"}
    assert linked["Condition/c1"]["code"]["term"] == "Upper respiratory infection"
    assert linked["Condition/c2"]["significance"] == "minor"
    assert record["accounting"]["not_requested"] == 1


@pytest.mark.duty("CS-057", "CS-059", "SP-105")
def test_labels_are_carried_and_no_other_label_is_read_as_not_for_the_patient() -> None:
    other = {"system": "http://hl7.org/fhir/v3/ActCode", "code": "TABOO"}
    record = mapped(
        b.record(
            b.medication(),
            b.statement(meta={"security": [NOPAT]}),
            b.plan(meta={"security": [other, NOPAT]}),
            b.order(),
            b.allergy(meta={"security": [other]}),
        )
    )
    found = course(record)
    assert found["provenance"]["security_labels"] == ["NOPAT"]
    assert found["plan"]["provenance"]["security_labels"] == ["TABOO", "NOPAT"]
    assert found["plan"]["issues"][0]["provenance"]["security_labels"] == []
    assert allergy(record)["provenance"]["security_labels"] == ["TABOO"]


@pytest.mark.parametrize(
    ("security", "path"), [([{"code": {"value": "NOPAT"}}], "meta.security"), (["NOPAT"], "meta")]
)
def test_a_label_that_cannot_be_read_is_told_by_its_place(security: Any, path: str) -> None:
    record = mapped(b.record(b.allergy(meta={"security": security})))
    assert allergy(record)["provenance"]["security_labels"] == []
    assert ("unreadable_element", "AllergyIntolerance/a1", path) in [
        (each["code"], each.get("source_ref"), each.get("path")) for each in record["issues"]
    ]


def test_an_item_that_has_no_identifier_of_its_own_is_said_to_have_an_id_that_may_change() -> None:
    record = mapped(b.record(b.allergy(identifier=[])))
    assert allergy(record)["item_id"] == "AllergyIntolerance/a1"
    assert ("unstable_id", "AllergyIntolerance/a1", "identifier") in [
        (each["code"], each.get("source_ref"), each.get("path")) for each in record["issues"]
    ]


def test_an_entry_of_a_list_of_no_area_that_names_nothing_is_told_by_its_place() -> None:
    listed = b.record_list("24781000000107", entry=[{"item": {"display": "A problem"}}])
    record = mapped(b.record(listed))
    assert ("display_only_reference", "entry.item") in [
        (each["code"], each.get("path")) for each in record["issues"]
    ]


@pytest.mark.duty("CS-036")
def test_unknown_elements_and_extensions_are_passed_over() -> None:
    strange: Any = {
        "novelty": {"a": 1},
        "extension": [{"url": "https://example/Extension-New-1", "valueString": "x"}],
    }
    found = allergy(mapped(b.record(b.allergy(**strange))))
    assert found["substance"]["term"] == "Allergy to penicillin"
    assert "unknown_extension" in found["issue_codes"]


@pytest.mark.duty("CS-037")
@pytest.mark.parametrize(
    "element",
    [{"reasonCode": [{"text": "cough"}]}, {"category": {"text": "inpatient"}}, {"reasonNotTaken": []}],
)
def test_elements_that_the_profile_does_not_list_are_not_consumed(element: Any) -> None:
    usual = course(mapped(b.record(b.medication(), b.statement(), b.plan())))
    found = course(mapped(b.record(b.medication(), b.statement(**element), b.plan())))
    usual["provenance"]["content_hash"] = found["provenance"]["content_hash"]
    assert found == usual


@pytest.mark.duty("CS-041")
@pytest.mark.parametrize("broken", [[], "text", 7])
def test_one_part_that_cannot_be_read_costs_nothing_else(broken: Any) -> None:
    record = mapped(b.record(b.allergy(reaction=broken, note=broken, recorder=broken), b.allergy("a2")))
    assert len(record["allergies"]) == 2
    assert all(each["substance"]["term"] == "Allergy to penicillin" for each in record["allergies"])


@pytest.mark.duty("CS-041")
def test_a_resource_that_breaks_is_listed_with_its_words() -> None:
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    record = mapped(b.record(b.allergy("a1", unreadable=deep), b.allergy("a2")))
    assert [each["provenance"]["source_ref"] for each in record["allergies"]] == ["AllergyIntolerance/a2"]
    assert record["unmapped"] == [
        {
            "source_ref": "AllergyIntolerance/a1",
            "reason": "malformed",
            "detail": "The resource could not be read.",
            "area": "allergies",
            "display": "Allergy to penicillin",
        }
    ]


@pytest.mark.duty("CS-041")
def test_a_type_that_is_not_known_is_listed() -> None:
    record = mapped(b.record({"resourceType": "Starship", "id": "1", "name": "Heart of Gold"}))
    assert record["unmapped"] == [
        {
            "source_ref": "Starship/1",
            "reason": "unknown_type",
            "detail": "The type of resource is not one that GP Connect sends.",
            "display": "Heart of Gold",
        }
    ]


def test_an_entry_without_a_resource_is_listed() -> None:
    bundle = b.record()
    bundle["entry"].append(b.allergy())
    (aside,) = mapped(bundle)["unmapped"]
    assert (aside["source_ref"], aside["display"]) == ("entry AllergyIntolerance/a1", "Allergy to penicillin")


@pytest.mark.duty("CS-037", "CS-041")
@pytest.mark.parametrize(
    ("kind", "element"),
    [
        ("MedicationStatement/s1", {"reasonNotTaken": [{"text": "made her sick"}]}),
        ("MedicationRequest/plan1", {"substitution": {"allowed": False}}),
        ("MedicationRequest/order1", {"reasonCode": [{"text": "cough"}]}),
    ],
)
def test_an_element_that_is_set_aside_and_carries_meaning_raises_an_issue(kind: str, element: Any) -> None:
    bundle = b.record(b.medication(), b.statement(), b.plan(), b.order())
    for entry in bundle["entry"]:
        if f"{entry['resource']['resourceType']}/{entry['resource']['id']}" == kind:
            entry["resource"].update(element)
    (issue,) = [each for each in mapped(bundle)["issues"] if each["code"] == "element_not_in_profile"]
    assert (issue["source_ref"], issue["path"]) == (kind, *element)


def test_every_entry_is_accounted_for_once() -> None:
    record = mapped(b.typical_record())
    assert record["accounting"] == {
        "received": 14,
        "mapped": 5,
        "context": 9,
        "not_requested": 0,
        "unmapped": 0,
    }
    assert record["counts"]["MedicationRequest"] == 3


def test_issues_have_fixed_words_and_no_patient_data() -> None:
    record = mapped(b.record(b.allergy(assertedDate="31/01/1950", identifier=None)))
    written = orjson.dumps(record["issues"]).decode()
    for private in ("31/01/1950", "penicillin", b.NHS_NUMBER, "Sample"):
        assert private not in written
    (unparsed,) = [each for each in record["issues"] if each["code"] == "unparsed_date"]
    assert (unparsed["source_ref"], unparsed["path"]) == ("AllergyIntolerance/a1", "assertedDate")


def test_the_bundle_is_left_as_it_was() -> None:
    bundle = b.typical_record()
    before = copy.deepcopy(bundle)
    mapped(bundle)
    assert bundle == before


def test_people_are_named_with_role_and_organisation_only_where_that_is_certain() -> None:
    bundle = b.record(b.medication(), b.statement(), b.plan())
    recorder = course(mapped(bundle))["plan"]["provenance"]["recorder"]
    assert recorder == {
        "kind": "practitioner",
        "ref": "Practitioner/dr1",
        "name": "Dr Jo Doe",
        "role": "General Medical Practitioner",
        "professional_ids": {"sds_user_id": "555021935107"},
        "organisation_ods": b.ODS,
        "organisation_name": "Test Surgery",
    }
    bundle["entry"].append({"resource": b.role("role2")})
    recorder = course(mapped(bundle))["plan"]["provenance"]["recorder"]
    assert "role" not in recorder
    assert "organisation_ods" not in recorder


@pytest.mark.duty("CS-066")
def test_the_role_of_a_person_goes_by_the_system_of_its_code() -> None:
    bundle = b.record(b.medication(), b.statement(), b.plan())
    (role,) = (each["resource"] for each in bundle["entry"] if each["resource"]["id"] == "role1")
    role["code"][0]["coding"].insert(0, b.coding("GP1", "Partner", "https://supplier.example/roles"))
    recorder = course(mapped(bundle))["plan"]["provenance"]["recorder"]
    assert recorder["role"] == "General Medical Practitioner"


def test_a_role_where_a_person_belongs() -> None:
    found = course(
        mapped(
            b.record(b.medication(), b.statement(), b.plan(recorder=b.reference("PractitionerRole/role1")))
        )
    )
    recorder = found["plan"]["provenance"]["recorder"]
    assert (recorder["name"], recorder["role"]) == ("Dr Jo Doe", "General Medical Practitioner")


def test_who_somebody_was_by_an_old_identifier_is_not_told() -> None:
    surgery, clinician = b.organisation(), b.practitioner()
    for resource, old in ((surgery, "A99998"), (clinician, "555000000000")):
        (current,) = resource["identifier"]
        resource["identifier"] = [{**current, "value": old, "use": "old"}, current]
        resource["identifier"].append({**current, "value": old, "use": "old"})
    record = mapped(
        b.bundle(
            b.patient(),
            surgery,
            clinician,
            b.role(),
            b.record_list(b.ALLERGIES_LIST, "AllergyIntolerance/a1"),
            b.allergy(recorder=b.reference("Practitioner/dr1")),
        )
    )
    recorder = allergy(record)["provenance"]["recorder"]
    assert recorder["professional_ids"] == {"sds_user_id": "555021935107"}
    assert recorder["organisation_ods"] == b.ODS
