"""Facts of observations."""

from collections.abc import Mapping
from typing import Any


def observations(record: Any) -> dict[str, dict[str, Any]]:
    return {each["provenance"]["source_ref"]: _facts(each) for each in record["observations"]}


def _facts(each: Any) -> dict[str, Any]:
    return {
        "code": each["code"],
        "effective": each.get("effective"),
        "issued": each.get("recorded_at"),
        "comment": each.get("comment"),
        "ranges": [one for one in each["reference_ranges"] if "read_from" not in one],
        "status": each.get("status"),
        "value": value(each.get("value")),
        "components": [[name(one["code"]), value(one.get("value"))] for one in each["components"]],
    }


def name(code: Any) -> Any:
    """They go by the text or the SNOMED term, where ours are the words that the user chose."""
    return code.get("original_text") or code.get("preferred_term", code["term"])


def value(sent: Any) -> Any:
    """A value as they write it; one that was read from the comment was not sent as one."""
    if sent is None or "read_from" in sent:
        return None
    return {**sent, "kind": "dateTime"} if sent["kind"] == "date_time" else sent


FACTS: Mapping[str, Any] = {"observations": observations}

_CHOSEN = "The name is that of the coding which the user selected; theirs is the description of another."
_BLANK = "The code has a blank before it, which does not count for us."
_BREATHS = "Observation/Consultation1-topic2-category-Examination-Observation-3"
EXPLAINED: Mapping[tuple[str, str, str], str] = {
    ("emis-tc4-yamura.json", "Observation/DECFA538-105F-4710-8088-A1F12BD262FA", "code"): _CHOSEN,
    ("emis-tc7-yamura.json", "Observation/DECFA538-105F-4710-8088-A1F12BD262FA", "code"): _CHOSEN,
    ("emis-tc7-yamura.json", "Observation/A99B1690-A3A8-4789-B7E7-14F0FA2BBAEB", "code"): _CHOSEN,
    ("emis-tc7-yamura.json", "Observation/54E70778-C698-4E4B-AE2C-4C6F448B5723", "code"): _CHOSEN,
    ("spec162-uncategorised-response1.json", _BREATHS, "code"): _BLANK,
    ("spec170-uncategorised-response1.json", _BREATHS, "code"): _BLANK,
}
