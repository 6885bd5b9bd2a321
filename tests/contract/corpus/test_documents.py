"""Every DocumentReference of the corpus, read as an answer to a search: against an independent program's facts."""

import random
from typing import Any

import pytest

from bridge.fhir.parsing import Parsed, parse
from bridge.mapping import Asked, Source
from bridge.mapping.documents import map_documents
from bridge.record.documents import Document, FoundDocuments
from tests.support.corpus import CORPUS, expected, files

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here")

SOURCE = Source(request_id="r1", retrieved_at="2026-11-22T09:00:00Z", body_sha256="0" * 64)


def found(parsed: Parsed) -> FoundDocuments:
    return map_documents(parsed, asked=Asked(), source=SOURCE, searched={})


def facts(document: Document) -> dict[str, Any]:
    codings = [[each.get("system"), each.get("code")] for each in document["type"]["codings"]]
    title = document.get("unavailable_reason", document.get("title"))
    return {
        "type": (document["type"]["term"], codings),
        "description": document.get("description"),
        "created": document.get("created_at", {}).get("value"),
        "indexed": document.get("indexed_at", {}).get("value"),
        "content_type": document.get("content_type"),
        "size": document.get("size_bytes"),
        "has_url": "location" in document,
        "title": title,
    }


@pytest.mark.parametrize("name", files("bundle"))
def test_each_says_what_an_independent_program_found(name: str) -> None:
    parsed = parse((CORPUS / "structured" / name).read_bytes())
    result = found(parsed)
    ours = {each["provenance"]["source_ref"]: facts(each) for each in result["documents"]}
    theirs = {
        ref: {
            **{key: value for key, value in each.items() if key != "type"},
            "type": (each["type"]["name"], each["type"]["codings"]),
        }
        for ref, each in expected(name)["areas"].get("documents", {}).items()
    }
    aside = {each["source_ref"] for each in result["unmapped"]}
    assert {ref: ours.get(ref) for ref in theirs if ref not in aside} == {
        ref: each for ref, each in theirs.items() if ref not in aside
    }
    accounting = result["accounting"]
    assert accounting["received"] == accounting["mapped"] + accounting["context"] + accounting["unmapped"]

    entries = list(parsed.content["entry"])
    random.Random(name).shuffle(entries)
    shuffled = Parsed({**parsed.content, "entry": entries}, parsed.issues, parsed.may_hold_modifiers)
    assert found(shuffled)["documents"] == result["documents"]
