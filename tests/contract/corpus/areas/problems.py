"""Facts of problems."""

from collections.abc import Mapping
from typing import Any


def problems(record: Any) -> dict[str, dict[str, Any]]:
    return {each["provenance"]["source_ref"]: _facts(each) for each in record["problems"]}


def _facts(each: Any) -> dict[str, Any]:
    return {
        "code": each["condition"],
        "clinical_status": each["clinical_status"],
        "significance": each["significance"],
        "onset": each.get("onset"),
        "abated": each.get("abated"),
        "asserted": each.get("asserted_at"),
        "actual_problem": each.get("actual_problem", {}).get("source_ref"),
        "related_content": sorted(
            {link["source_ref"] for link in each["related_content"] if "source_ref" in link}
        ),
        "related_content_missing": sum("reference" in link for link in each["related_content"]),
        "related_problems": sorted(
            [related["relation"], related["target"].get("source_ref", "")]
            for related in each["related_problems"]
        ),
        "notes": each["notes"],
    }


FACTS: Mapping[str, Any] = {"problems": problems}

_CAPITALS = "A relation in capitals, as the page of examples has it, is taken for the code that is meant."
EXPLAINED: Mapping[tuple[str, str, str], str] = {
    ("spec170-consultations-response1.json", "*", "related_problems.0"): _CAPITALS,
}
