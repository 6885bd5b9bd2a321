"""Facts of referrals."""

from collections.abc import Mapping
from typing import Any


def referrals(record: Any) -> dict[str, dict[str, Any]]:
    return {each["provenance"]["source_ref"]: _facts(each) for each in record["referrals"]}


def _facts(each: Any) -> dict[str, Any]:
    return {
        "reasons": each["reasons"],
        "ubrn": each.get("ubrn"),
        # Theirs is what was sent.
        "priority": _SENT.get(each.get("priority"), each.get("priority")),
        "authored": each.get("referred_at"),
        "recipients": sorted(party["ref"] for party in each["recipients"] if "ref" in party),
        "description": each.get("description"),
        "documents": sorted(link["source_ref"] for link in each["documents"] if "source_ref" in link),
        "notes": each["notes"],
    }


_SENT = {"two_week_wait": "asap"}
FACTS: Mapping[str, Any] = {"referrals": referrals}
