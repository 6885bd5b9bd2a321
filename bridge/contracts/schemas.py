"""JSON Schemas (2020-12) of everything that travels, generated from the code."""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final, Literal, get_args, get_type_hints

from pydantic import BaseModel, PydanticUserError, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from typing_extensions import get_original_bases, is_typeddict

from bridge.contracts.envelope import Attributes
from bridge.contracts.glossary import meaning_of
from bridge.errors import Misconfigured

DIALECT = GenerateJsonSchema.schema_dialect
_COMPONENTS: Final = "#/components/schemas/"
_NONE: Final[Mapping[str, Any]] = MappingProxyType({})


Direction = Literal["validation", "serialization"]


def schema_of(model: Any, kind: str, direction: Direction = "serialization") -> dict[str, Any]:
    """The JSON Schema of one message's data, as a document of its own.

    What is written is open: a reader's check must hold when messages gain fields. What is read stays closed.

    Args:
        model: a pydantic model (requests) or a TypedDict (events, records).
        kind: names the schema: its ``$id`` is ``<kind>.json``, relative to where the site serves it.
        direction: ``validation`` for what is read, ``serialization`` for what is written.

    Raises:
        Misconfigured: no schema can be made of `model`.
    """
    schema = _generate(model, kind, direction, "#/$defs/{model}")
    return {"$schema": DIALECT, "$id": f"{kind}.json", **schema}


def component_schemas(
    model: Any, kind: str, direction: Direction = "serialization", *, known: Mapping[str, Any] = _NONE
) -> dict[str, Any]:
    """The same schema for a document that keeps all of them under ``#/components/schemas``.

    Where a type differs from a `known` one of the same name, its own name begins with `kind`: what is read
    is held to stricter rules than what is written, and whoever adds a pipeline knows none of our names.

    Args:
        model: as for `schema_of`.
        kind: names the schema.
        direction: as for `schema_of`.
        known: the components that the document has already.
    """
    schema = _generate(model, kind, direction, _COMPONENTS + "{model}")
    parts = {**schema.pop("$defs", {}), kind: schema}
    # What refers to a renamed one differs as well, and is renamed in the next turn.
    while others := [name for name in parts if name != kind and known.get(name, parts[name]) != parts[name]]:
        text = json.dumps(parts)
        for name in others:
            text = text.replace(f'"{_COMPONENTS}{name}"', f'"{_COMPONENTS}{kind}.{name}"')
        parts = {
            f"{kind}.{name}" if name in others else name: part for name, part in json.loads(text).items()
        }
    return parts


def envelope_schema() -> dict[str, Any]:
    """The envelope of a request: CloudEvents 1.0 attributes as the engine reads them."""
    return schema_of(Attributes, "cloudevent", "validation")


def strict_schema_of(model: Any) -> dict[str, Any]:
    """The schema that our own output is held to: it allows no field that it does not name."""
    schema: dict[str, Any] = _adapter(model).json_schema(mode="serialization")
    return schema


def _generate(model: Any, kind: str, direction: Direction, ref_template: str) -> dict[str, Any]:
    try:
        schema = _adapter(model).json_schema(mode=direction, ref_template=ref_template)
    except PydanticUserError as fault:
        # Before Python 3.12 Pydantic cannot read the TypedDict of `typing`, and its own text names no event.
        is_old = fault.code == "typed-dict-version"
        what = "import TypedDict from typing_extensions, not from typing" if is_old else fault.code
        raise Misconfigured(f"{kind}: no schema can be made of its type: {what}") from None
    types: dict[str, Any] = {}
    _add_types(model, types)
    for name, part in (("", schema), *schema.get("$defs", {}).items()):
        of = model if part is schema else types.get(name)
        _describe(part, _inherited(of) if of is not None else {}, name)
        if direction == "serialization" and part.get("additionalProperties") is False:
            del part["additionalProperties"]
    return schema


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    """Made once: for the docstrings of fields Pydantic reads the source of a TypedDict again each time."""
    return TypeAdapter(model)


def _describe(part: dict[str, Any], inherited: dict[str, str], name: str) -> None:
    type_name = part.get("title", name)
    for field, schema in part.get("properties", {}).items():
        if "description" not in schema:
            meaning = inherited.get(field) or meaning_of(type_name, field)
            if meaning is not None:
                schema["description"] = meaning


def _add_types(hint: Any, types: dict[str, Any]) -> None:
    """Add each TypedDict and each model that a type is made of, by its name."""
    is_model = _is_model(hint)
    if is_model or is_typeddict(hint):
        if hint.__name__ in types:
            return
        types[hint.__name__] = hint
        fields = (
            [field.annotation for field in hint.model_fields.values()]
            if is_model
            else get_type_hints(hint).values()
        )
        for each in fields:
            _add_types(each, types)
    for each in get_args(hint):
        _add_types(each, types)


def _is_model(hint: Any) -> bool:
    return inspect.isclass(hint) and issubclass(hint, BaseModel)


@cache
def _inherited(model: Any) -> dict[str, str]:
    """Descriptions of fields that Pydantic does not read: it reads what a TypedDict has in its own body only.

    Of a model it reads none, for it would do so when the class is made, in every process.
    """
    found: dict[str, str] = {}
    if _is_model(model):
        for each in reversed(model.__mro__):
            if _is_model(each):
                found |= _below_fields(each)
        # A schema has the names that fields are sent under: `from` for `from_`.
        return {
            field.alias or name: found[name] for name, field in model.model_fields.items() if name in found
        }
    if not is_typeddict(model):
        return found
    for base in get_original_bases(model):
        if is_typeddict(base):
            found |= _inherited(base)
            for field, schema in strict_schema_of(base).get("properties", {}).items():
                if "description" in schema:
                    found[field] = schema["description"]
    return found


def _below_fields(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """The text that stands below each field in the body of a class."""
    try:
        written = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    except OSError:
        return  # made by a function, like the model of all areas
    assert isinstance(written, ast.ClassDef)
    for field_and_below in pairwise(written.body):
        match field_and_below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                yield name, inspect.cleandoc(words)
