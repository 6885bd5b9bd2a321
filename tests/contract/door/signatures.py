"""What a module of the door exports, a line for each name and each public attribute, as text to be compared.

Signatures are taken from the source, as they are written: what a version of Python makes of them is not.
"""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from enum import EnumType
from types import ModuleType
from typing import Any, get_origin

from pydantic import BaseModel, TypeAdapter
from typing_extensions import is_typeddict


def exported(module: ModuleType) -> Iterator[str]:
    """Every name of `__all__`, and what an author finds on those that are classes of the bridge."""
    for name in module.__all__:
        yield from (f"{module.__name__}.{line}" for line in _lines(name, getattr(module, name)))


def public(kind: type) -> set[str]:
    """The public names that a class of the bridge gives its instances."""
    return {name for name, _text in _attributes(kind) if not name.startswith("_")}


def _lines(name: str, thing: Any) -> Iterator[str]:
    if is_typeddict(thing):
        yield f"{name}: TypedDict"  # the schemas pin its fields
    elif isinstance(thing, type) and issubclass(thing, BaseModel):
        yield f"{name}: model"
    elif isinstance(thing, EnumType):
        yield f"{name}: {', '.join(thing)}"
    elif inspect.isfunction(thing):
        yield name + _signature(_node(thing))
    elif isinstance(thing, type) and get_origin(thing) is None:
        yield name
        yield from sorted(f"{name}.{attribute}{text}" for attribute, text in _attributes(thing))
    elif isinstance(thing, str | int):
        yield f"{name} = {thing!r}"
    elif get_origin(thing) is not None:
        schema = TypeAdapter(thing).json_schema()
        schema.pop("$defs", None)
        yield f"{name} = {json.dumps(schema, sort_keys=True)}"
    else:
        yield f"{name}: {type(thing).__name__}"


def _attributes(kind: type) -> Iterator[tuple[str, str]]:
    """Fields, properties, methods and the constructor, of the class and of its bases in the bridge."""
    seen: set[str] = set()
    for each in kind.__mro__:
        if not each.__module__.startswith("bridge."):
            continue
        for statement in _node(each).body:
            match statement:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    text = _signature(statement)
                case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
                    text = f": {ast.unparse(annotation)}" + (f" = {ast.unparse(value)}" if value else "")
                case _:
                    continue
            if (name == "__init__" or not name.startswith("_")) and name not in seen:
                seen.add(name)
                yield name, text


def _signature(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    returns = ast.unparse(function.returns) if function.returns else ""
    if "property" in map(ast.unparse, function.decorator_list):
        return f": {returns}"
    awaited = "async " if isinstance(function, ast.AsyncFunctionDef) else ""
    return f"({ast.unparse(function.args)}) -> {awaited}{returns}"


def _node(thing: Any) -> Any:
    [node] = ast.parse(textwrap.dedent(inspect.getsource(thing))).body
    return node
