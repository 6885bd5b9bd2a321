import hashlib

import orjson
import pytest
import structlog

from bridge.errors import ResponseInvalid
from bridge.gpconnect import StructuredAnswer

TRACE_ID = "5f0c6f0a-52c6-4d0f-9f4b-1f3c0b1c7a11"


def answer(body: bytes) -> StructuredAnswer:
    return StructuredAnswer(
        body=body, retrieved_at="2026-11-22T09:00:00.000Z", trace_id=TRACE_ID, practice_ods="A82038"
    )


def test_a_bundle_is_read_and_known_by_its_hash():
    body = orjson.dumps({"resourceType": "Bundle", "id": TRACE_ID, "entry": [], "unknown": {"x": 1}})

    assert answer(body).bundle()["entry"] == []
    assert answer(body).body_sha256 == hashlib.sha256(body).hexdigest()


@pytest.mark.duty("SP-038")
@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"{}", "not_a_bundle"),
        (b"[]", "not_a_bundle"),
        (b'"Bundle"', "not_a_bundle"),
        (b'{"resourceType":"OperationOutcome"}', "not_a_bundle"),
        (b'{"resourceType":"Bundle"}', "bundle_without_entries"),
        (b'{"resourceType":"Bundle","entry":{}}', "bundle_without_entries"),
        (b"", "not_json"),
        (b"<html></html>", "not_json"),
        (b'{"resourceType":"Bundle","entry":[{"resource":', "not_json"),
        ('{"resourceType":"Bundle","entry":["é"]}'.encode("latin-1"), "not_json"),
    ],
)
def test_what_is_no_bundle_is_refused_by_its_hash(body: bytes, detail: str):
    with pytest.raises(ResponseInvalid) as refused:
        answer(body).bundle()

    assert (refused.value.detail, refused.value.stage) == (detail, "provider")
    assert refused.value.body_sha256 == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize(
    ("bundle_id", "noted"), [({"id": "other"}, ["bundle_id_differs"]), ({"id": TRACE_ID}, []), ({}, [])]
)
def test_another_bundle_id_is_noted_and_tolerated(bundle_id: dict[str, str], noted: list[str]):
    body = orjson.dumps({"resourceType": "Bundle", "entry": [], **bundle_id})
    with structlog.testing.capture_logs() as logs:
        answer(body).bundle()

    assert [line["event"] for line in logs] == noted


def test_its_text_form_does_not_show_the_record():
    assert "Amoxicillin" not in repr(answer(b'{"display":"Amoxicillin"}'))
