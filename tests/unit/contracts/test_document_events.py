"""A document that came is told of whole: what it is, what was said of it, and where it waits, if it may be fetched."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter

from bridge.contracts.document_events import (
    DocumentRetrieved,
    RetrievedDocument,
    Scan,
    content_of,
    document_retrieved,
    documents_found,
)
from bridge.contracts.documents import DocumentRequest
from bridge.contracts.events import Event
from tests.support.requests import record_request

CONTENT = content_of(
    "https://bridge.example/",
    claim_id="c-1",
    sha256="ab" * 32,
    size=9,
    media_type="text/plain",
    expires_at=datetime(2027, 3, 2, tzinfo=UTC),
)
CAME = RetrievedDocument(
    content=CONTENT,
    sha256="ab" * 32,
    size_bytes=9,
    content_type="text/plain; charset=utf-8",
    sniffed_type="text/plain",
    type_verdict="agrees",
    scan={"verdict": "clean", "scanner": "clamd"},
    retrieved_at="2027-03-01T10:00:00Z",
    practice_ods="A99001",
)
WHOSE: dict[str, str] = {"nhs_number": "9990000018", "patient_key": "k1-0"}
TOLD: dict[str, Any] = {
    "size_bytes": 9,
    "content_type": "text/plain",
    "not_for_patient": True,
    "security_labels": ["NOPAT"],
    "business_ids": [{"value": "doc-1", "system": "urn:x"}, {"value": "doc-2"}],
}


def told_of(document: RetrievedDocument = CAME, request_id: str = "r-1", **told: Any) -> Event:
    asked = {name: value for name, value in record_request().items() if name != "areas"}
    request = DocumentRequest.model_validate(asked | {"location": "https://gp.example/Binary/1"} | told)
    event = document_retrieved(document, request, WHOSE, request_id=request_id)
    TypeAdapter(DocumentRetrieved).validate_python(event.data, strict=True)
    return event


def test_all_that_is_known_of_a_document_stands_in_its_event():
    event = told_of(**TOLD)
    assert event.kind == "document.retrieved.v1"
    assert (event.snapshot_id, event.patient_key) == (event.data["snapshot_id"], "k1-0")
    assert {name: value for name, value in event.data.items() if name != "snapshot_id"} == {
        "schema_version": "1.0",
        "source_label": event.data["source_label"],
        **WHOSE,
        "holder_ods": "A99001",
        "retrieved_at": "2027-03-01T10:00:00Z",
        "location": "https://gp.example/Binary/1",
        "content": {
            "url": "https://bridge.example/claims/c-1",
            "sha256": "ab" * 32,
            "size_bytes": 9,
            "content_type": "text/plain",
            "expires_at": "2027-03-02T00:00:00.000Z",
        },
        "scan": {"verdict": "clean", "scanner": "clamd"},
        "sha256": "ab" * 32,
        "size_bytes": 9,
        "content_type": "text/plain; charset=utf-8",
        "sniffed_type": "text/plain",
        "type_verdict": "agrees",
        "size_as_told": True,
        "type_as_told": True,
        "not_for_patient": True,
        "security_labels": ["NOPAT"],
        "business_ids": [{"value": "doc-1", "system": "urn:x"}, {"value": "doc-2"}],
    }


@pytest.mark.parametrize("told", [{"size_bytes": 8}, {"content_type": "application/pdf"}])
def test_what_came_is_held_against_what_the_request_says(told):
    data = told_of(**told).data
    assert data.get("size_as_told") is (False if "size_bytes" in told else None)
    assert data.get("type_as_told") is (False if "content_type" in told else None)


def test_what_nobody_said_is_not_said():
    data = told_of(replace(CAME, content_type=None, sniffed_type=None), **TOLD).data
    assert not {"content_type", "sniffed_type", "type_as_told", "withheld"} & set(data)
    assert not {"size_as_told", "type_as_told", "not_for_patient"} & set(told_of().data)


def test_what_is_withheld_has_nothing_to_fetch():
    scan: Scan = {"verdict": "infected", "signature": "X"}
    data = told_of(replace(CAME, content=None, scan=scan)).data
    assert (data["withheld"], data["scan"]) == ("infected", scan)
    assert "content" not in data


def test_the_same_answer_has_the_same_snapshot_and_any_other_one_of_its_own():
    others = [
        told_of(request_id="r-2"),
        told_of(replace(CAME, practice_ods="B99001")),
        told_of(replace(CAME, sha256="cd" * 32)),
        told_of(replace(CAME, scan={"verdict": "not_scanned"})),
    ]
    assert told_of().snapshot_id == told_of(**TOLD).snapshot_id
    assert len({told_of().snapshot_id, *(each.snapshot_id for each in others)}) == 5


def test_what_was_found_is_published_as_it_is():
    found: Any = {"snapshot_id": "s-1", "patient_key": "k1-0"}
    event = documents_found(found)
    assert (event.kind, event.data) == ("documents.found.v1", found)
    assert (event.snapshot_id, event.patient_key) == ("s-1", "k1-0")
