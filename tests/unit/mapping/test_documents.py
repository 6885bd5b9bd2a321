"""DocumentReferences and the answer to a search for them, read on fixtures of our own."""

import random

import orjson
import pytest
from pydantic import TypeAdapter

from bridge.fhir.parsing import parse
from bridge.mapping.asked import Asked, Source
from bridge.mapping.documents import map_documents
from bridge.record.documents import FoundDocuments

ROOT = "https://gp.example.nhs.uk/A99001/STU3/1/gpconnect/documents"
NHS_NUMBER = "9990000018"
NOPAT = {"system": "http://hl7.org/fhir/v3/ActCode", "code": "NOPAT"}
VALID = TypeAdapter(FoundDocuments)

PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": NHS_NUMBER}],
}
PRACTICE = {
    "resourceType": "Organization",
    "id": "o",
    "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "A99001"}],
    "name": "A practice",
}
SAME_PRACTICE = PRACTICE | {"id": "o2"}
HOSPITAL = {
    "resourceType": "Organization",
    "id": "h",
    "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "RZZ01"}],
}
GP = {"resourceType": "Practitioner", "id": "d", "name": [{"text": "Dr A"}]}
ROLE = {
    "resourceType": "PractitionerRole",
    "id": "r",
    "practitioner": {"reference": "Practitioner/d"},
    "organization": {"reference": "Organization/o"},
}


def reference(id_="1", **changes):
    sound = {
        "resourceType": "DocumentReference",
        "id": id_,
        "identifier": [{"system": "https://gp.example/documents", "value": f"doc-{id_}"}],
        "status": "current",
        "type": {"text": "Letter"},
        "subject": {"reference": "Patient/p"},
        "created": "2024-03-05",
        "indexed": "2024-03-06T09:00:00+00:00",
        "author": [{"reference": "Organization/o"}],
        "custodian": {"reference": "Organization/o"},
        "description": "Line one\n  line two",
        "content": [{"attachment": attachment()}],
    }
    return {name: value for name, value in (sound | changes).items() if value is not None}


def attachment(**changes):
    sound = {"contentType": "application/pdf", "size": 1024, "url": f"{ROOT}/Binary/b-1"}
    return {name: value for name, value in (sound | changes).items() if value is not None}


def found(*resources, full_urls=None, asked=NHS_NUMBER, **bundle):
    entries = [
        {
            "fullUrl": (full_urls or {}).get(
                one.get("id"), f"{ROOT}/{one.get('resourceType')}/{one.get('id')}"
            ),
            "resource": one,
        }
        for one in (PATIENT, PRACTICE, *resources)
    ]
    body = orjson.dumps({"resourceType": "Bundle", "type": "searchset", "entry": entries} | bundle)
    source = Source(
        request_id="r-1", retrieved_at="2026-11-29T10:00:00Z", body_sha256="0" * 64, holder_ods="A99001"
    )
    result = map_documents(parse(body), asked=Asked(nhs_number=asked), source=source, searched={})
    VALID.validate_python(result, strict=True)
    accounting = result["accounting"]
    assert accounting["received"] == accounting["mapped"] + accounting["context"] + accounting["unmapped"]
    return result


def only(*resources, **more):
    (document,) = found(*resources, **more)["documents"]
    return document


@pytest.mark.duty("DO-014")
def test_what_is_said_stands_as_it_was_sent():
    document = only(reference(masterIdentifier={"system": "urn:s", "value": "v-7"}))
    assert document["item_id"] == "https://gp.example/documents|doc-1"
    assert document["provenance"]["business_ids"] == [
        {"system": "https://gp.example/documents", "value": "doc-1"}
    ]
    assert document["version_identifier"] == {"system": "urn:s", "value": "v-7"}
    assert document["description"] == "Line one\n  line two"
    assert document["created_at"] == {"value": "2024-03-05", "precision": "day"}
    assert document["indexed_at"]["precision"] == "instant"
    assert (document["content_type"], document["size_bytes"]) == ("application/pdf", 1024)
    assert (document["location"], document["retrievable"]) == (f"{ROOT}/Binary/b-1", True)
    assert document["issue_codes"] == []


@pytest.mark.duty("DO-025")
@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (attachment(url=None, title="Larger than 5 MB"), (False, "Larger than 5 MB", None)),
        (attachment(url=None), (False, None, None)),
        (attachment(title="A title of one that is available"), (True, None, f"{ROOT}/Binary/b-1")),
        (attachment(url="letter.pdf"), (False, None, "letter.pdf")),
        (attachment(url="letter.pdf", title="Not kept"), (False, "Not kept", "letter.pdf")),
        ({}, (False, None, None)),
    ],
)
def test_a_document_without_an_address_exists_and_is_not_available(sent, expected):
    document = only(reference(content=[{"attachment": sent}]))
    found_ = document["retrievable"], document.get("unavailable_reason"), document.get("location")
    assert found_ == expected
    assert only(reference(content=None))["retrievable"] is False


def test_the_words_beside_an_address_are_kept_they_may_take_the_document_back():
    document = only(reference(content=[{"attachment": attachment(title="Recalled by its sender")}]))
    assert document["title"] == "Recalled by its sender"
    assert document["retrievable"] is True


@pytest.mark.parametrize("sent", [{"ref": {"reference": "Observation/o1"}}, {"reference": "Observation/o1"}])
def test_what_it_belongs_to_is_a_link_in_either_form(sent):
    (link,) = only(reference(context={"related": [sent]}))["related"]
    assert link["kind"] == "observation"
    assert link["reference"] == "Observation/o1"


@pytest.mark.duty("DO-016", "CS-058", "SP-104")
def test_labels_count_wherever_they_stand():
    labels = [{"coding": [{"system": "urn:x", "code": "R"}, NOPAT]}]
    assert only(reference(securityLabel=labels))["not_for_patient"] is True
    assert only(reference(securityLabel=labels))["document_labels"] == ["R", "NOPAT"]
    document = only(reference(meta={"security": [NOPAT]}))
    assert (document["not_for_patient"], document["document_labels"]) == (True, [])
    assert document["provenance"]["security_labels"] == ["NOPAT"]
    assert only(reference())["not_for_patient"] is False


@pytest.mark.parametrize(
    ("author", "custodian", "also", "origin"),
    [
        ("Organization/o", "Organization/o", (), "internal"),
        ("Organization/o2", "Organization/o", (SAME_PRACTICE,), "internal"),
        ("Organization/h", "Organization/o", (HOSPITAL,), "external"),
        ("Practitioner/d", "Organization/o", (GP, ROLE), "internal"),
        ("Practitioner/d", "Organization/o", (GP,), "unknown"),
        ("Organization/nobody", "Organization/o", (), "unknown"),
        (None, "Organization/o", (), "unknown"),
        ("Organization/o", None, (), "unknown"),
    ],
)
def test_who_wrote_it_is_told_only_where_it_can_be(author, custodian, also, origin):
    document = only(
        reference(
            author=[{"reference": author}] if author else None,
            custodian={"reference": custodian} if custodian else None,
        ),
        *also,
    )
    assert document["origin"] == origin


def test_references_are_resolved_by_full_url_too_and_type_and_id_goes_before():
    author = "urn:uuid:7c1a2bd0-3b8e-4a64-9d4e-0d6d3a4f8b11"
    document = only(reference(author=[{"reference": author}]), HOSPITAL, full_urls={"h": author})
    assert document["author"]["organisation_ods"] == "RZZ01"
    document = only(reference(author=[{"reference": f"{ROOT}/Organization/h"}]), HOSPITAL)
    assert document["author"]["organisation_ods"] == "RZZ01"
    misleading = {"h": f"{ROOT}/Organization/o"}
    assert only(reference(), HOSPITAL, full_urls=misleading)["author"]["organisation_ods"] == "A99001"


def test_what_it_belongs_to_is_linked():
    context = {
        "encounter": {"reference": "Encounter/e"},
        "practiceSetting": {"text": "General practice"},
        "related": [{"ref": {"reference": "DocumentReference/2"}}],
    }
    documents = {
        each["provenance"]["source_ref"]: each
        for each in found(reference(context=context), reference("2"))["documents"]
    }
    first, second = documents["DocumentReference/1"], documents["DocumentReference/2"]
    assert first["consultation"] == {"kind": "consultation", "in_record": False, "reference": "Encounter/e"}
    (link,) = first["related"]
    assert (link["kind"], link["in_record"], link["item_id"]) == ("document", True, second["item_id"])
    assert first["practice_setting"]["term"] == "General practice"


def test_further_authors_and_attachments_are_not_left_out():
    document = only(
        reference(
            author=[{"reference": "Organization/o"}, {"reference": "Organization/h"}],
            content=[{"attachment": attachment()}, {"attachment": attachment(url=f"{ROOT}/Binary/b-2")}],
        ),
        HOSPITAL,
    )
    assert [each["organisation_ods"] for each in document["other_authors"]] == ["RZZ01"]
    assert [each["location"] for each in document["other_attachments"]] == [f"{ROOT}/Binary/b-2"]
    assert document["issue_codes"] == ["extra_attachment"]


@pytest.mark.parametrize("status", ["entered-in-error", "superseded", None])
def test_a_state_that_is_not_current_is_told_and_never_to_be_fetched(status):
    document = only(reference(status=status))
    assert "unknown_status" in document["issue_codes"]
    assert document.get("source_status") == status
    assert document["retrievable"] is (status is None)


@pytest.mark.duty("DO-015")
def test_what_the_profile_does_not_list_is_not_used_and_said_to_be_there():
    document = reference(
        docStatus="preliminary",
        relatesTo=[{"code": "replaces", "target": {"reference": "DocumentReference/0"}}],
        content=[{"attachment": attachment(data="c2VjcmV0")}],
        context={"sourcePatientInfo": {"reference": "Patient/0"}},
    )
    result = found(document)
    assert [issue["path"] for issue in result["issues"]] == [
        "content.attachment.data",
        "context.sourcePatientInfo",
        "docStatus",
        "relatesTo",
    ]
    assert {issue["code"] for issue in result["issues"]} == {"element_not_in_profile"}
    assert "c2VjcmV0" not in orjson.dumps(result).decode()


@pytest.mark.duty("DO-023")
def test_whose_documents_they_are_is_held_against_who_was_asked_for():
    assert found(reference())["demographics"]["verdict"] == "accept"
    assert found(reference(), asked="9990000026")["demographics"]["verdict"] == "reject"
    number = {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000026"}
    other = PATIENT | {"id": "q", "identifier": [number]}
    result = found(reference(), reference("2", subject={"reference": "Patient/q"}), other)
    assert [each["item_id"] for each in result["documents"]] == ["https://gp.example/documents|doc-1"]
    assert [each["reason"] for each in result["unmapped"]] == ["wrong_patient"]


def test_one_that_cannot_be_read_and_what_does_not_belong_cost_no_other():
    odd = reference("2", type=7, created=["x"], content="?", author=3, context=[], identifier="none")
    result = found(reference(), odd, {"resourceType": "Observation", "id": "x"}, {"id": "no type"})
    assert len(result["documents"]) == 2
    assert sorted(each["reason"] for each in result["unmapped"]) == ["malformed", "unsupported"]


@pytest.mark.parametrize("bundle", [{"implicitRules": "urn:x"}, {"modifierExtension": [{"url": "urn:x"}]}])
def test_what_may_change_the_meaning_of_all_calls_for_a_person(bundle):
    result = found(reference(), **bundle)
    assert result["demographics"]["verdict"] == "review"


def test_what_may_change_the_meaning_of_one_is_told_of_that_one():
    result = found(reference(modifierExtension=[{"url": "urn:x"}]), reference("2"))
    assert [(each["code"], each["source_ref"]) for each in result["issues"]] == [
        ("modifier_extension", "DocumentReference/1")
    ]
    assert result["demographics"]["verdict"] == "accept", "the others are as they were"


def test_the_order_of_entries_changes_nothing_and_the_newest_comes_first():
    resources = [
        reference("1", created="2024-03-05"),
        reference("2", created=None, indexed="2025-01-01T00:00:00+00:00"),
        reference("3", created="2023"),
        HOSPITAL,
        GP,
    ]
    expected = found(*resources)
    assert [each["provenance"]["source_ref"] for each in expected["documents"]] == [
        f"DocumentReference/{number}" for number in (2, 1, 3)
    ]
    for seed in range(5):
        random.Random(seed).shuffle(resources)
        assert found(*resources) == expected


def test_the_same_answer_again_has_the_same_snapshot():
    assert found(reference(), id="a")["snapshot_id"] == found(reference(), id="b")["snapshot_id"]
    assert found(reference())["snapshot_id"] != found(reference(), reference("2"))["snapshot_id"]


def test_the_day_of_death_is_told():
    result = found(reference(), PATIENT | {"deceasedDateTime": "2026-11-20"})
    assert result["patient_deceased_at"] == {"value": "2026-11-20", "precision": "day"}
    assert "patient_deceased_at" not in found(reference())
