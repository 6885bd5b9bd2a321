"""The elements of STU3 resources and data types, as `fhir.resources` declares them, and what deviates.

Its models are used as a table and not to validate: they take `"true"` for true, numbers for text, codes that
no value set holds and base64 that is none. What the table leaves open stands in `_BINDINGS`.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Final, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bridge.fhir.invariants import broken_domain_rules, broken_invariants
from bridge.fhir.primitives import broken_rule
from bridge.values import dataclass

_COMPARATORS: Final = ("<", "<=", ">=", ">")
_STATES_OF_VISITS: Final = (
    "planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled", "entered-in-error",
    "unknown",
)  # fmt: skip
_ORDERS: Final = (
    "proposal", "plan", "order", "original-order", "reflex-order", "filler-order", "instance-order", "option",
)  # fmt: skip
_QUANTITIES: Final = ("Quantity", "Age", "Count", "Distance", "Duration", "Money")
_BINDINGS: Final[Mapping[str, tuple[str, ...]]] = {
    **{f"{kind}.comparator": _COMPARATORS for kind in _QUANTITIES},
    "Observation.status": (
        "registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error",
        "unknown",
    ),
    "Encounter.status": _STATES_OF_VISITS,
    "EncounterStatusHistory.status": _STATES_OF_VISITS,
    "DiagnosticReport.status": (
        "registered", "partial", "preliminary", "final", "amended", "corrected", "appended", "cancelled",
        "entered-in-error", "unknown",
    ),
    "ProcedureRequest.intent": _ORDERS,
    "ProcedureRequest.status": (
        "draft", "active", "suspended", "cancelled", "completed", "entered-in-error", "unknown",
    ),
    "ReferralRequest.intent": _ORDERS,
    "ReferralRequest.priority": ("routine", "urgent", "asap", "stat"),
    "TimingRepeat.when": (
        "MORN", "AFT", "EVE", "NIGHT", "PHS", "HS", "WAKE", "C", "CM", "CD", "CV", "AC", "ACM", "ACD", "ACV",
        "PC", "PCM", "PCD", "PCV",
    ),
    "OperationOutcomeIssue.code": (
        "invalid", "structure", "required", "value", "invariant", "security", "login", "unknown", "expired",
        "forbidden", "suppressed", "processing", "not-supported", "duplicate", "not-found", "too-long",
        "code-invalid", "extension", "too-costly", "business-rule", "conflict", "incomplete", "transient",
        "lock-error", "no-store", "exception", "timeout", "throttled", "informational",
    ),
}  # fmt: skip
"""Required bindings whose codes `fhir.resources` does not list, or not all. Source: FHIR STU3 (3.0.2)."""
_NO_CODES: Final = frozenset({"CapabilityStatement.format"})
"""Where it lists what are no codes."""
_OPEN: Final = "+"
"""Ends a list of codes that is not the whole of it."""

Found = Iterator[tuple[tuple[str | int, ...], str]]
"""Paths, and the rules broken there, in words that repeat no value."""


@dataclass(frozen=True, slots=True)
class _Element:
    """One element.

    Attributes:
        kind: a data type or resource, or a primitive as `bridge.fhir.primitives` names it.
        codes: the only ones allowed; empty: any.
        targets: types of resource that a reference may be to; empty: any.
        choice: the stem of ``value[x]`` that it is one of.
    """

    kind: str
    is_primitive: bool
    is_list: bool
    is_required: bool
    codes: frozenset[str]
    targets: frozenset[str]
    choice: str | None
    is_choice_required: bool


def model_of(kind: str) -> type[BaseModel] | None:
    """The model of a resource or data type; None when STU3 has none. The package is slow to load."""
    from fhir.resources.STU3 import get_fhir_model_class  # noqa: PLC0415 - see above

    if not (kind.isascii() and kind.isalpha()):
        return None
    try:
        model = get_fhir_model_class(kind)
    except (KeyError, LookupError, ValueError):
        return None
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None


def examine(kind: str, value: object, path: tuple[str | int, ...] = ()) -> Found:
    """Everything in which a JSON value deviates from a resource or data type of STU3.

    Args:
        kind: such as ``Patient`` or ``Quantity``; one that `model_of` knows.
        value: any JSON value.
        path: where it stands.
    """
    if not isinstance(value, dict):
        yield path, f"must be an object: {kind}"
        return
    if not value:
        yield path, "must not be empty"
        return
    elements = _elements(kind)
    for name, content in value.items():
        if name == "resourceType" and _is_resource(kind):
            continue
        if name.startswith("_") and name[1:] in elements and elements[name[1:]].is_primitive:
            yield from _beside(content, (*path, name), is_list=elements[name[1:]].is_list)
        elif (element := elements.get(name)) is None:
            yield (*path, name), f"is no element of {kind}"
        else:
            yield from _content(element, content, value.get(f"_{name}"), (*path, name))
    yield from _missing(elements, value, path)
    for rule in broken_invariants(kind, value):
        yield path, rule
    if "contained" in elements:
        for rule in broken_domain_rules(value):
            yield path, rule


def _content(element: _Element, content: object, beside: object, path: tuple[str | int, ...]) -> Found:
    if content is None:
        yield path, "must not be null"
    elif element.is_list:
        if not isinstance(content, list):
            yield path, "must be an array"
            return
        if not content:
            yield path, "must not be empty"
        for number, each in enumerate(content):
            if each is None and element.is_primitive and _stands_beside(beside, number):
                continue  # the text of a primitive may be missing where its extension says why
            yield from _one(element, each, (*path, number))
    elif isinstance(content, list):
        yield path, "must not be an array"
    else:
        yield from _one(element, content, path)


def _one(element: _Element, value: object, path: tuple[str | int, ...]) -> Found:
    if value is None:
        yield path, "must not be null"
    elif not element.is_primitive:
        kind = element.kind
        if kind == "Resource":
            kind = _type_of(value) or ""
            if not kind:
                yield path, "not a resource type of STU3"
                return
        yield from examine(kind, value, path)
        if element.targets and _refers_to_other(value, element.targets):
            yield path, f"refers to none of {' | '.join(sorted(element.targets))}"
    elif (rule := broken_rule(element.kind, value)) is not None:
        yield path, rule
    elif element.codes and value not in element.codes:
        yield path, f"is none of the codes {' | '.join(sorted(element.codes))}"


def _refers_to_other(value: object, targets: frozenset[str]) -> bool:
    """Whether a reference names a type of resource that it may not be to; not every one names its type."""
    target = value.get("reference") if isinstance(value, dict) else None
    steps = target.split("/") if isinstance(target, str) else []
    kind = steps[-2] if len(steps) > 1 and "_history" not in steps else None
    return kind is not None and kind not in targets and model_of(kind) is not None


def _beside(value: object, path: tuple[str | int, ...], *, is_list: bool) -> Found:
    """What stands beside a primitive under its name and an underscore: its id and extensions."""
    for each in value if is_list and isinstance(value, list) else [value]:
        if each is None and is_list:
            continue
        if not isinstance(each, dict):
            yield path, "must be an object: Element"
        elif unknown := set(each) - {"id", "extension"}:
            yield from (((*path, name), "is no element of Element") for name in sorted(unknown))
        else:
            for number, extension in enumerate(each.get("extension", ())):
                yield from examine("Extension", extension, (*path, "extension", number))


def _stands_beside(beside: object, number: int) -> bool:
    return isinstance(beside, list) and len(beside) > number and isinstance(beside[number], dict)


def _missing(
    elements: Mapping[str, _Element], value: Mapping[str, Any], path: tuple[str | int, ...]
) -> Found:
    choices: dict[str, list[str]] = defaultdict(list)
    required: set[str] = set()
    for name, element in elements.items():
        is_there = name in value or f"_{name}" in value
        if element.choice is not None:
            choices[element.choice] += [name] if is_there else []
            required |= {element.choice} if element.is_choice_required else set()
        elif element.is_required and not is_there:
            yield (*path, name), "is required"
    for stem, names in choices.items():
        if len(names) > 1:
            yield (*path, f"{stem}[x]"), "is there more than once"
        elif not names and stem in required:
            yield (*path, f"{stem}[x]"), "is required"


def _is_resource(kind: str) -> bool:
    return "implicitRules" in _elements(kind)


def _type_of(value: object) -> str | None:
    kind = value.get("resourceType") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) and model_of(kind) is not None else None


@cache
def _elements(kind: str) -> Mapping[str, _Element]:
    model = model_of(kind)
    assert model is not None, "asked for types of STU3 only"
    return {
        field.alias or name: _element(kind, field.alias or name, field)
        for name, field in model.model_fields.items()
        if not name.endswith("__ext") and name not in ("fhir_comments", "resource_type")
    }


def _element(kind: str, name: str, field: FieldInfo) -> _Element:
    facts = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    type_name, is_primitive = _type(field.annotation)
    codes: Any = _BINDINGS.get(f"{kind}.{name}", facts.get("enum_values") or ())
    targets: Any = facts.get("enum_reference_types") or ()
    is_closed = _OPEN not in codes and f"{kind}.{name}" not in _NO_CODES
    choice = facts.get("one_of_many")
    return _Element(
        kind=type_name,
        is_primitive=is_primitive,
        is_list=_is_list(field.annotation),
        is_required=field.is_required() or facts.get("element_required") is True,
        codes=frozenset(codes) if is_closed else frozenset(),
        targets=frozenset() if "Resource" in targets else frozenset(targets),
        choice=choice if isinstance(choice, str) else None,
        is_choice_required=facts.get("one_of_many_required") is True,
    )


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is list or (
        get_origin(annotation) is not Annotated and any(_is_list(each) for each in get_args(annotation))
    )


def _type(annotation: Any) -> tuple[str, bool]:
    """The name of an element's type, and whether it is a primitive: from what its annotation wraps."""
    if annotation is bool:
        return "Boolean", True
    if get_origin(annotation) is Annotated:
        return _primitive(annotation.__metadata__), True
    for each in get_args(annotation):
        if each is not type(None):
            return _type(each)
    name = getattr(annotation, "__name__", "")
    return name.removesuffix("Type"), False


def _primitive(marks: tuple[Any, ...]) -> str:
    return type(marks[-1]).__name__
