"""How a bundle deviates from base FHIR STU3, resource by resource: what an integrator sends to a supplier.

The mapping never needs this. It reads leniently; this judges strictly, with the models of `fhir.resources`.
"""

from importlib import import_module
from typing import NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bridge.fhir.index import index_bundle

_BROKEN_RULE = "the value, or the elements together, break a rule of this element"


class Deviation(NamedTuple):
    """One deviation.

    Attributes:
        resource: `Type/id` of the resource, or `entry` for an entry without one.
        path: where in the resource, `code.coding.0.system`.
        rule: the rule it breaks, in words; never the value.
    """

    resource: str
    path: str
    rule: str


def check_bundle(bundle: object) -> list[Deviation]:
    """Every deviation of `bundle` from base STU3; none when the list is empty.

    Profiles of GP Connect are not looked at: this finds what breaks any FHIR parser. No value of the
    bundle is repeated, so the list may leave the organisation.
    """
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        return [Deviation("Bundle", "resourceType", "not a Bundle")]
    index = index_bundle(bundle)
    found = [Deviation("entry", "resource", "an entry holds no resource") for _ in index.malformed]
    for received in index.received:
        model = _model(received.kind)
        if model is None:
            found.append(Deviation(received.ref, "resourceType", "not a resource type of STU3"))
            continue
        try:
            model.model_validate(received.resource)
        except ValidationError as error:
            found += [
                Deviation(received.ref, ".".join(str(part) for part in detail["loc"]), _rule(detail))
                for detail in error.errors(include_url=False, include_context=False, include_input=False)
            ]
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
            # The models themselves stumble over some input, such as a contained resource of no known type.
            found.append(Deviation(received.ref, "", "cannot be read as a resource of its type"))
    return sorted(found)


def _rule(detail: ErrorDetails) -> str:
    """Fixed texts as they are; one that a model made up may repeat the value and is not passed on."""
    made_up = detail["type"] in ("value_error", "assertion_error") or detail["type"].startswith("fhir-")
    return _BROKEN_RULE if made_up else detail["msg"]


def _model(kind: str) -> type[BaseModel] | None:
    """The model of a resource type. The package is slow to import, so it is loaded when it is needed."""
    if not (kind.isascii() and kind.isalpha()):
        return None
    try:
        module = import_module(f"fhir.resources.STU3.{kind.lower()}")
    except ModuleNotFoundError:
        return None
    model = getattr(module, kind, None)
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None
