"""What R4 and R4B say against a resource: three programs made from their definitions, and what none of the three looks at.

`fhirkit` is made from R4 (4.0.1): elements, cardinalities, forms of primitives, one of value[x]; no codes. The JSON
Schema of R4 has the codes of required bindings, and no cardinalities. `fhir.resources` is R4B, which is R4 in all that is
written here, and knows what a reference may lead to. None of them knows an invariant: see `invariants.py`.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib import import_module
from typing import Any

import fhirkit
import orjson
from fhir.resources.R4B.resource import Resource as R4BResource
from jsonschema import Draft6Validator
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tests.support.r4.extract import SCHEMA

Resource = Mapping[str, Any]

SIMPLE_QUANTITIES = {
    "low", "high", "doseQuantity", "rateQuantity", "quantity", "initialFill", "origin",
}  # fmt: skip
"""Elements whose Quantity may hold no comparator (sqty-1). All that are called so in the resources written here."""


def r4_faults(resource: Resource) -> list[str]:
    """By the definitions of R4."""
    return [
        f"{each.path}: {each.message}"
        for each in fhirkit.validate(dict(resource))
        if each.severity == "error"
    ]


def schema_faults(resource: Resource) -> list[str]:
    """By the JSON Schema of R4."""
    kind = resource["resourceType"]
    found = _validator(kind).iter_errors(dict(resource))
    return [f"{kind}.{'.'.join(map(str, each.absolute_path))}: {each.message[:200]}" for each in found]


def r4b_faults(resource: Resource, kinds: Mapping[str, str]) -> list[str]:
    """By R4B, and what its references lead to.

    Args:
        resource: of a bundle.
        kinds: the type of each resource of the bundle, by its address.
    """
    try:
        model = _model(resource["resourceType"]).model_validate(_without_annotated_values(resource))
    except ValidationError as error:
        wrong = [each for each in error.errors() if not _is_said_to_be_absent(resource, each)]
        return [f"{resource['resourceType']}.{each['loc']}: {each['msg']}" for each in wrong]
    return list(_wrong_targets(model, resource["resourceType"], kinds))


def element_faults(resource: Resource) -> list[str]:
    """What holds for every element, of whatever resource (ele-1, ext-1, per-1, qty-3, sqty-1, rng-2, rat-1, age-1)."""
    return list(_elements(resource, resource["resourceType"], ""))


@cache
def _validator(kind: str) -> Draft6Validator:
    # Its patterns are those of XML Schema, where white space is that of ASCII: a hard space is a letter.
    definitions = SCHEMA.read_text(encoding="utf-8").replace('"pattern":"', '"pattern":"(?a)')
    return Draft6Validator({**orjson.loads(definitions), "$ref": f"#/definitions/{kind}"})


@cache
def _model(kind: str) -> type[R4BResource]:
    found: type[R4BResource] = getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
    return found


def _without_annotated_values(value: Any) -> Any:
    """The same without extensions of the values of extensions, which `fhir.resources` does not know."""
    if isinstance(value, list):
        return [_without_annotated_values(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    annotated = {key for key in value if "url" in value and key.startswith("_value") and key[1:] in value}
    return {key: _without_annotated_values(each) for key, each in value.items() if key not in annotated}


def _is_said_to_be_absent(resource: Resource, error: ErrorDetails) -> bool:
    """Whether `fhir.resources` misses a choice that says why it is absent: it looks for that at other elements alone."""
    _, found, choice = error["msg"].partition("Expect any of field value from this list")
    if not found:
        return False
    holder: Any = resource
    for key in error["loc"]:
        holder = holder[key]
    return any(f"_{name}" in holder for name in re.findall(r"\w+", choice))


def _wrong_targets(model: BaseModel, path: str, kinds: Mapping[str, str]) -> Iterator[str]:
    for name, field in type(model).model_fields.items():
        extra = field.json_schema_extra
        allowed = extra.get("enum_reference_types") if isinstance(extra, dict) else None
        value = getattr(model, name, None)
        for each in value if isinstance(value, list) else [value]:
            if not isinstance(each, BaseModel):
                continue
            target = kinds.get(str(getattr(each, "reference", None) or ""))
            if target is not None and isinstance(allowed, list) and not {target, "Resource"} & set(allowed):
                yield f"{path}.{name}: a {target} is none of {allowed}"
            yield from _wrong_targets(each, f"{path}.{name}", kinds)


def _elements(value: Any, path: str, name: str) -> Iterator[str]:
    if isinstance(value, list):
        if not value:
            yield f"{path}: an empty list"
        for each in value:
            yield from _elements(each, path, name)
    elif isinstance(value, dict):
        if not value.keys() - {"id"}:
            yield f"{path}: ele-1, nothing in it"
        yield from _of_types(value, path, name)
        for key, each in value.items():
            yield from _elements(each, f"{path}.{key}", key)
    elif value is None or (isinstance(value, str) and not value.strip()):
        yield f"{path}: an empty value"


def _of_types(value: dict[str, Any], path: str, name: str) -> Iterator[str]:
    values = [key for key in value if key.startswith("value") and key != "value"]
    if name in {"extension", "modifierExtension"}:
        if ("extension" in value) == bool(values) or len(values) > 1:
            yield f"{path}: ext-1, extensions or one value"
        if ":" not in value.get("url", "") and path.count("xtension") < 2:
            yield f"{path}: an extension without an address"
    if isinstance(value.get("start"), str) and isinstance(value.get("end"), str) and _is_late(value):
        yield f"{path}: per-1, it ends before it begins"
    if (
        "code" in value
        and isinstance(value["code"], str)
        and "value" in value
        and not value.keys() & {"system", "_system"}
    ):
        yield f"{path}: qty-3, a code of a unit without its system"
    if "comparator" in value and name in SIMPLE_QUANTITIES:
        yield f"{path}: sqty-1, a comparator"
    if name.endswith("Age") and not value.keys() >= {"value", "code", "system"}:
        yield f"{path}: age-1, no coded amount"
    if ("numerator" in value) != ("denominator" in value):
        yield f"{path}: rat-1, half of a ratio"
    low, high = (value.get(key, {}) for key in ("low", "high"))
    if isinstance(low, dict) and isinstance(high, dict) and "value" in low and "value" in high:
        same_unit = low.get("unit") == high.get("unit")
        if same_unit and Decimal(str(low["value"])) > Decimal(str(high["value"])):
            yield f"{path}: rng-2, low is above high"


def _is_late(period: dict[str, Any]) -> bool:
    start, end = period["start"], period["end"]
    shorter = min(len(start), len(end))
    if shorter > len("2004-05-06"):
        return datetime.fromisoformat(start) > datetime.fromisoformat(end)
    return bool(start[:shorter] > end[:shorter])
