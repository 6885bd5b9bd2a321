"""Facts of investigations, and of every Observation in them."""

from collections.abc import Iterator, Mapping
from typing import Any


def investigations(record: Any) -> dict[str, dict[str, Any]]:
    return {ref_of(each): _facts(each) for each in record["investigations"]}


def results(record: Any) -> dict[str, dict[str, Any]]:
    return {
        ref_of(each): {
            "code": each["code"],
            "value": _value(each),
            "effective": each.get("filed_at", each.get("effective")),
            "issued": each.get("recorded_at"),
            "comment": each.get("text", each.get("comment")),
            "components": each["components"],
            "ranges": [one for one in each["reference_ranges"] if "read_from" not in one],
            "status": each.get("status"),
        }
        for report in record["investigations"]
        for each in (*_results(report), *report["filing_comments"])
    }


def _facts(each: Any) -> dict[str, Any]:
    found = list(_results(each))
    return {
        "status": each["status"],
        "issued": each.get("issued"),
        "results": [ref_of(result) for result in found],
        # What was read from words is no value to them.
        "values": sum("value" in result and "read_from" not in result["value"] for result in found),
        "filing_comments": [comment["source_ref"] for comment in each["filing_comments"]],
        "specimens": [specimen["source_ref"] for specimen in each["specimens"]],
        "requests": [request["source_ref"] for request in each["requests"]],
        "conclusion": each.get("conclusion"),
    }


def _value(result: Any) -> Any:
    """Of a coded one they have the concept itself, and of one that was read from words nothing."""
    value = result.get("value", {})
    return value["value"] if value.get("kind") == "coded" else value


def _results(report: Any) -> Iterator[Any]:
    for group in report["groups"]:
        yield group
        yield from group["results"]
    yield from report["results"]


def ref_of(item: Any) -> str:
    ref: str = item["provenance"]["source_ref"]
    return ref


FACTS: Mapping[str, Any] = {"investigations": investigations, "results": results}

_USER_SELECTED = (
    "They call it by the description of the SNOMED coding; ours has the words of the coding that the user "
    "selected, and keeps the description among the codings."
)
EXPLAINED: Mapping[tuple[str, str, str], str] = {
    ("emis-tc7-mold.json", "Observation/2F114350-80CF-4096-8DCA-4DFEEFC7B3D3", "code"): _USER_SELECTED,
}
