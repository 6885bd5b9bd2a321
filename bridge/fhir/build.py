"""Building what we send, strictly: every body goes through `fhir.resources` (STU3) before it leaves."""

from datetime import date
from functools import cache, lru_cache
from typing import Any, Final

import orjson
from pydantic import BaseModel

from bridge.fhir.parameters import DayPeriod, Value, Wanted
from bridge.fhir.read import JsonObject
from bridge.record.nhs_number import NHS_NUMBER_SYSTEM

# Order matters: a bool is an int as well.
_FHIR_TYPES: Final = (
    (bool, "valueBoolean"),
    (int, "valuePositiveInt"),
    (str, "valueCode"),
    (date, "valueDate"),
)
_SOME_NUMBER: Final = "0000000000"


def patient_parameters(nhs_number: str, wanted: Wanted) -> bytes:
    """A `Parameters` body for an operation on one patient's record.

    Args:
        nhs_number: goes first, because some providers look for it nowhere else.
        wanted: what follows, in that order.

    Raises:
        pydantic.ValidationError: the result would not be valid FHIR.
    """
    identifier = {"system": NHS_NUMBER_SYSTEM, "value": nhs_number}
    parameter: list[dict[str, Any]] = [{"name": "patientNHSNumber", "valueIdentifier": identifier}]
    for name, parts in wanted.items():
        # A part without a value is an error, an empty list of parts no FHIR: both are left out.
        part = [{"name": part_name, **_value(value)} for part_name, value in parts.items()]
        parameter.append({"name": name, "part": part} if part else {"name": name})
    body: JsonObject = {"resourceType": "Parameters", "parameter": parameter}
    # Every request of one kind has the same shape, whoever it is about, and validating it is what costs.
    identifier["value"] = _SOME_NUMBER
    _check_shape(orjson.dumps(body))
    identifier["value"] = nhs_number
    return orjson.dumps(body)


@lru_cache(maxsize=256)
def _check_shape(body: bytes) -> None:
    """Raises where a `Parameters` body is not valid FHIR."""
    checked(orjson.loads(body))


def _value(value: Value) -> dict[str, Any]:
    if isinstance(value, DayPeriod):
        bounds = {"start": value.start, "end": value.end}
        return {"valuePeriod": {name: bound.isoformat() for name, bound in bounds.items() if bound}}
    fhir_type = next(name for kind, name in _FHIR_TYPES if isinstance(value, kind))
    return {fhir_type: value}


def checked(resource: JsonObject) -> bytes:
    """A resource of ours as it is sent, after it was found to be valid STU3.

    Raises:
        pydantic.ValidationError: it is not.
    """
    # What was found valid is sent as it is: writing the model out again would cost twice as much as this.
    _model(resource["resourceType"]).model_validate(resource)
    return orjson.dumps(resource)


@cache
def _model(kind: str) -> type[BaseModel]:
    # Loading the models is a tenth of a worker's start, and many commands never build anything.
    from fhir.resources.STU3 import get_fhir_model_class  # noqa: PLC0415 - see above

    found: type[BaseModel] = get_fhir_model_class(kind)
    return found
