"""What is known about documents in R4: where one is, or why it cannot be had."""

from typing import Any

from tests.support import bundles as b
from tests.support.r4 import absent, of_kind, rendered
from tests.support.whole_record import documents

ADDRESS = "https://documents.example.nhs.uk/A99999/STU3/1/gpconnect/documents/Binary/1"


def document(**sent: Any) -> dict[str, Any]:
    [typical] = documents()
    [found] = of_kind(rendered(b.built(typical, {"context": None, **sent})), "DocumentReference")
    return found


def test_a_document_says_where_it_is_and_who_filed_it_when():
    found = document(created="2026-02-01")
    [content] = found["content"]
    assert content["attachment"] == {
        "contentType": "application/pdf", "url": ADDRESS, "size": 1234, "creation": "2026-02-01",
    }  # fmt: skip
    assert (found["status"], found["date"]) == ("current", "2026-02-03T10:15:00+00:00")
    assert found["description"] == "Letter of the clinic"


def test_one_that_cannot_be_had_is_there_all_the_same_and_says_why():
    found = document(content=[{"attachment": {"title": "Too large", "size": 0}}])
    [content] = found["content"]
    assert content["attachment"] == {"_url": absent("unsupported"), "title": "Too large"}


def test_one_that_is_not_current_has_no_address():
    found = document(status="entered-in-error")
    assert found["status"] == "entered-in-error"
    assert "url" not in found["content"][0]["attachment"]
    of_no_state = document(status="draft")
    assert "status" not in of_no_state
    assert "draft" in [each.get("valueString") for each in of_no_state["_status"]["extension"]]


def test_one_without_a_state_is_not_said_to_be_current():
    found = document(status=None)
    assert "status" not in found
    assert found["_status"] == absent()


def test_one_that_the_patient_must_not_see_says_so_on_the_document():
    label = {"coding": [{"system": "http://hl7.org/fhir/v3/ActCode", "code": "NOPAT"}]}
    found = document(securityLabel=[label])
    assert [each["coding"][0]["code"] for each in found["securityLabel"]] == ["NOPAT"]


def test_a_day_of_filing_is_no_moment():
    found = document(indexed="2026-02-03")
    assert "date" not in found
    assert "2026-02-03" in [each.get("valueString") for each in found["_date"]["extension"]]
