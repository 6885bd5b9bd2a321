"""`value[x]` of an Observation or of a component: every type that STU3 has for it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from bridge.fhir.digits import with_digits
from bridge.fhir.read import Item, JsonObject, extension_value
from bridge.mapping.coded import coded_text
from bridge.mapping.values import period, simple_quantity
from bridge.record.common import Quantity
from bridge.record.observations import (
    ObservationValue,
    PeriodValue,
    QuantityValue,
    RangeValue,
    RatioValue,
    ReferenceRange,
)

_NO_VALUES: Final = frozenset(
    {
        "resourceType", "id", "meta", "implicitRules", "language", "text", "contained", "extension",
        "modifierExtension", "identifier", "basedOn", "status", "category", "code", "subject", "context",
        "effectiveDateTime", "effectivePeriod", "issued", "performer", "dataAbsentReason", "interpretation",
        "comment", "bodySite", "method", "specimen", "device", "referenceRange", "related", "component",
    }
)  # fmt: skip
"""The other elements of an Observation: one that has no more than these has no value."""
_QUANTITY_FIELDS: Final = (
    ("value", "value"),
    ("value_as_sent", "value_as_sent"),
    ("comparator", "comparator"),
    ("unit", "unit"),
    ("unit_code", "code"),
    ("unit_system", "code_system"),
)


def observation_value(item: Item, holder: JsonObject, path: str) -> ObservationValue | None:
    """The value of a resource or component; None when none was sent.

    Args:
        item: takes the issues.
        holder: the resource, or the component.
        path: where that stands; empty for the resource.
    """
    if _NO_VALUES.issuperset(holder):
        return None
    sent = [key for key in holder if key.startswith("value")]
    if not sent:
        return None
    # FHIR allows one; of several the first by name, so that it does not depend on their order.
    first, *others = sorted(sent)
    for key in others:
        item.note("unreadable_element", path + key)
    return _value(item, first, holder[first], path + first)


def _value(item: Item, key: str, sent: object, path: str) -> ObservationValue | None:
    if type(sent) is dict and (read := _OF_OBJECTS.get(key)) is not None:
        return read(item, sent, path)
    if key == "valueBoolean" and type(sent) is bool:
        return {"kind": "boolean", "value": sent}
    if key in ("valueDateTime", "valueDate", "valueInstant"):
        at = item.date(sent, path)
        return {"kind": "date_time", "value": at} if at is not None else None
    if type(sent) is dict:
        return {
            "kind": "other",
            "fhir_type": key.removeprefix("value") or "unknown",
            "value": with_digits(sent),
        }
    if type(sent) is bool:
        sent = str(sent).lower()
    # Words where an object belongs are words.
    text = item.text(sent, path)
    if text is None:
        return None
    return {"kind": "time" if key == "valueTime" else "text", "value": text}


def _quantity(item: Item, sent: JsonObject, path: str) -> QuantityValue | None:
    found = simple_quantity(item, sent, path)
    if not found:
        return None
    result: dict[str, Any] = {"kind": "quantity"}
    for ours, theirs in _QUANTITY_FIELDS:
        if ours in found:
            result[theirs] = found[ours]  # type: ignore[literal-required]  # keys of Quantity
    if "extension" in sent and any(
        extension_value(each) in (True, "true")
        for each in item.extensions(sent).get("valueapproximation", ())
    ):
        result["approximate"] = True
    return result  # type: ignore[return-value]  # built by the table of its keys


def _coded(item: Item, sent: JsonObject, path: str) -> ObservationValue | None:
    return {"kind": "coded", "value": coded_text(item, sent, path)} if sent else None


def _period(item: Item, sent: JsonObject, path: str) -> PeriodValue:
    result: PeriodValue = {"kind": "period"}
    start, end = period(item, sent, path)
    if start is not None:
        result["start"] = start
    if end is not None:
        result["end"] = end
    return result


def _range(item: Item, sent: JsonObject, path: str) -> RangeValue:
    result: RangeValue = {"kind": "range"}
    if (low := _part(item, sent, "low", path)) is not None:
        result["low"] = low
    if (high := _part(item, sent, "high", path)) is not None:
        result["high"] = high
    return result


def _ratio(item: Item, sent: JsonObject, path: str) -> RatioValue:
    result: RatioValue = {"kind": "ratio"}
    if (numerator := _part(item, sent, "numerator", path)) is not None:
        result["numerator"] = numerator
    if (denominator := _part(item, sent, "denominator", path)) is not None:
        result["denominator"] = denominator
    return result


_OF_OBJECTS: Final[Mapping[str, Callable[[Item, JsonObject, str], ObservationValue | None]]] = (
    MappingProxyType(
        {
            "valueQuantity": _quantity,
            "valueCodeableConcept": _coded,
            "valuePeriod": _period,
            "valueRange": _range,
            "valueRatio": _ratio,
        }
    )
)


def reference_ranges(item: Item, sent: object, path: str) -> list[ReferenceRange]:
    """The reference ranges; one of one limit alone stands in words (digest §5.4.1)."""
    if sent is None:
        return []
    found = [_reference_range(item, each, path) for each in item.many(sent, path)]
    return [each for each in found if each]


def _reference_range(item: Item, sent: JsonObject, path: str) -> ReferenceRange:
    result: ReferenceRange = {}
    if (low := _part(item, sent, "low", path)) is not None:
        result["low"] = low
    if (high := _part(item, sent, "high", path)) is not None:
        result["high"] = high
    if (text := item.text(sent.get("text"), path)) is not None:
        result["text"] = text
    if "type" in sent:
        result["meaning"] = coded_text(item, sent["type"], path)
    if "appliesTo" in sent:
        result["applies_to"] = [coded_text(item, each, path) for each in item.many(sent["appliesTo"], path)]
    if "age" in sent:
        result["age"] = _range(item, item.one(sent["age"], path), path)
    return result


def _part(item: Item, holder: JsonObject, key: str, path: str) -> Quantity | None:
    """A quantity of a range or ratio; a bare number or words where one belongs are taken as they are."""
    sent = holder.get(key)
    if sent is None:
        return None
    if type(sent) is dict:
        return simple_quantity(item, sent, path) or None
    if type(sent) is int or type(sent) is float:
        return {"value": sent}
    text = item.text(sent, path)
    return {"text": text} if text is not None else None
