"""Facts of diary entries."""

from collections.abc import Mapping
from typing import Any


def diary_entries(record: Any) -> dict[str, dict[str, Any]]:
    return {each["provenance"]["source_ref"]: _facts(each) for each in record["diary_entries"]}


def _facts(each: Any) -> dict[str, Any]:
    due = each.get("due", {})
    return {
        "code": each["code"],
        "due": due.get("from"),
        "due_to": due.get("to"),
        "entered": each.get("entered_at"),
        "notes": each["notes"],
    }


FACTS: Mapping[str, Any] = {"diary_entries": diary_entries}

_CHOSEN = "The name is that of the coding which the user selected; theirs is the description of another."
_MIGRAINE = "ProcedureRequest/22D112D6-DA5D-46C5-BC08-B197328AB68F"
EXPLAINED: Mapping[tuple[str, str, str], str] = {
    ("demonstrator-diary.json", _MIGRAINE, "code"): _CHOSEN,
    ("emis-tc4-yamura.json", _MIGRAINE, "code"): _CHOSEN,
    ("emis-tc7-yamura.json", _MIGRAINE, "code"): _CHOSEN,
    ("emis-tc4-sajal.json", "ProcedureRequest/7BF04E65-D7DF-11E0-B0DA-010000006081", "code"): (
        "The code is the transfer-degraded one of plans, which they do not count among those."
    ),
}
