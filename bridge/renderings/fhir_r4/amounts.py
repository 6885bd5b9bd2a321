"""Amounts where R4 allows less than a practice sends: ranges, halves of ratios, ages and durations."""

from collections.abc import Mapping
from typing import Any, Final

from bridge.record import Quantity
from bridge.renderings.fhir_r4.common import Resource, quantity

UCUM: Final = "http://unitsofmeasure.org"
Amount = Mapping[str, Any]
"""A `Quantity` of the record, or a `QuantityValue`, which calls the code of its unit `code`."""


def words(item: Amount) -> str:
    """An amount as it is read aloud: comparator, number as it was sent, unit; else its words."""
    number = item.get("value_as_sent") or (f"{item['value']:.15g}" if "value" in item else "")
    unit = item.get("unit") or item.get("unit_code") or item.get("code") or ""
    said = " ".join(part for part in (item.get("comparator", ""), number, unit) if part)
    return "; ".join(part for part in (said, item.get("text", "")) if part) or "not stated"


def value_quantity(item: Amount) -> Resource:
    """A Quantity of a `QuantityValue`."""
    amount: Any = {name: value for name, value in item.items() if name not in ("code", "code_system")}
    if "code" in item:
        amount["unit_code"] = item["code"]
        if "code_system" in item:
            amount["unit_system"] = item["code_system"]
        elif "unit" not in item:
            amount["unit"] = item["code"]  # R4 has no code of a unit without its system (qty-3)
    return quantity(amount)


def simple_range(item: Mapping[str, Quantity]) -> Resource | None:
    """A Range; None where an end has a comparator (sqty-1), both are open, or low is above high (rng-2)."""
    ends = {name: item[name] for name in ("low", "high") if name in item}
    if not ends or any("comparator" in each for each in ends.values()) or not _in_order(item):
        return None
    return {name: quantity(each) for name, each in ends.items()}


def range_in_words(item: Mapping[str, Quantity]) -> str:
    """A range in words."""
    low, high = (words(item[name]) if name in item else "open" for name in ("low", "high"))
    return f"from {low} to {high}"


def ratio_in_words(item: Mapping[str, Any]) -> str:
    """A ratio in words."""
    parts = (words(item[name]) if name in item else "not stated" for name in ("numerator", "denominator"))
    return " : ".join(parts)


def is_of_ucum(item: Quantity) -> bool:
    """Whether it may be an Age or a Duration: a positive number of a unit of UCUM (age-1, drt-1)."""
    is_coded = "unit_code" in item and item.get("unit_system") == UCUM
    return is_coded and "comparator" not in item and item.get("value", 0) > 0


def _in_order(item: Mapping[str, Quantity]) -> bool:
    low, high = (item[name].get("value") if name in item else None for name in ("low", "high"))
    return low is None or high is None or low <= high
