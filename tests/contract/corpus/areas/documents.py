"""Facts of documents."""

from collections.abc import Mapping
from typing import Any


def documents(record: Any) -> dict[str, dict[str, Any]]:
    return {each["provenance"]["source_ref"]: _facts(each) for each in record["documents"]}


def _facts(each: Any) -> dict[str, Any]:
    return {
        "type": each["type"],
        "description": each.get("description"),
        "created": each.get("created_at"),
        "indexed": each.get("indexed_at"),
        "content_type": each.get("content_type"),
        "size": each.get("size_bytes"),
        "has_url": "location" in each,
        "title": each.get("unavailable_reason", each.get("title")),
    }


FACTS: Mapping[str, Any] = {"documents": documents}
