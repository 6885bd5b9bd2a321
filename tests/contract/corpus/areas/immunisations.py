"""Facts of immunisations."""

from collections.abc import Mapping
from typing import Any


def immunisations(record: Any) -> dict[str, dict[str, Any]]:
    return {each["provenance"]["source_ref"]: _facts(each) for each in record["immunisations"]}


def _facts(each: Any) -> dict[str, Any]:
    return {
        "procedure": each["procedure"],
        # They count a null flavour among vaccines.
        "vaccine": each.get("vaccine", each.get("vaccine_absent_reason")),
        "given": each.get("given"),
        "date": each.get("date"),
        "recorded": each.get("recorded_at"),
        "batch": each.get("batch"),
        "expires": each.get("expires"),
        "dose": each.get("dose", {}).get("value_as_sent", each.get("dose", {}).get("value")),
        "dose_number": each.get("dose_number"),
        "notes": each["notes"],
    }


FACTS: Mapping[str, Any] = {"immunisations": immunisations}

_BLANK = "The code system of the null flavour has a blank behind it, which does not count for us."
_NOT_SAID = "The resource does not say whether it was given: the facts take that for given, we never do."
EXPLAINED: Mapping[tuple[str, str, str], str] = {
    ("pfs-immunizations-examples-1.json", "*", "vaccine"): _BLANK,
    ("pfs-immunizations-examples.json", "*", "vaccine"): _BLANK,
    ("spec162-immunizations-response1.json", "*", "vaccine"): _BLANK,
    ("spec162-immunizations-response2.json", "*", "vaccine"): _BLANK,
    ("spec170-immunizations-response1.json", "*", "vaccine"): _BLANK,
    ("spec170-immunizations-response2.json", "*", "vaccine"): _BLANK,
    ("spec162-skeleton-full-record.json", "*", "given"): _NOT_SAID,
    ("demonstrator-immunisations.json", "Immunization/C93659E1-1107-441C-BE25-C5EF4B7831D1", "procedure"): (
        "The name is that of the coding which the user selected; theirs is the description of another."
    ),
}
