"""The settings: type and default from the code, and what each is for from the table of the operators' guide."""

import re
from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bridge.settings import Settings
from tests.site.tables import address, code, row, table, words

TABLE: Final = re.compile(r"^\| Variable \|.*?(?=^\n|\Z)", re.DOTALL | re.MULTILINE)
_CELL: Final = re.compile(r"(?<!\\)\|")
_HEADINGS: Final = ("Variable", "Type", "Default", "Required", "Meaning")
_NAMES: Final = {
    "str": "text",
    "int": "whole number",
    "float": "number",
    "bool": "true or false",
    "Path": "path",
    "SecretStr": "secret",
    "datetime": "moment, with its offset",
    "AwareDatetime": "moment, with its offset",
    "IPvAnyAddress": "IP address",
}


def settings_tables(guide: str) -> str:
    """The tables of all settings, a group each.

    Args:
        guide: the section of the operators' guide that has the table of settings.

    Raises:
        KeyError: a setting is not in it.
    """
    said = {}
    for line in TABLE.search(guide)[0].splitlines()[2:]:  # type: ignore[index]  # a section without its table is a fault
        variable, default, required, meaning = (cell.strip() for cell in _CELL.split(line)[1:-1])
        said[variable.strip("`")] = (default, required, meaning.replace("\\|", "|"))
    parts = []
    for name, about, fields in _groups():
        rows = [_row(variable, fields, said) for variable in fields if not _is_file_of(variable, fields)]
        title = f"BRIDGE_{name.upper()}_…" if name else "Of the whole installation"
        heading = f"## {title} {{: #settings-{address(name or 'general')} }}"
        parts.append(f"\n{heading}\n\n{about}\n{table(title, _HEADINGS, rows)}")
    return "".join(parts)


def _groups() -> Iterator[tuple[str, str, dict[str, FieldInfo]]]:
    """Name, words and settings of each group; those of none first."""
    groups: list[tuple[str, type[BaseModel]]] = []
    alone: dict[str, FieldInfo] = {}
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            groups.append((name, field.annotation))
        else:
            alone[f"BRIDGE_{name}".upper()] = field
    yield "", "", alone
    for name, kind in groups:
        fields = {f"BRIDGE_{name}_{part}".upper(): inner for part, inner in kind.model_fields.items()}
        yield name, words(kind.__doc__ or ""), fields


def _is_file_of(variable: str, fields: Mapping[str, FieldInfo]) -> bool:
    """Whether it is the other form of a secret: the file that the secret stands in."""
    return variable.endswith("_FILE") and variable.removesuffix("_FILE") in fields


def _row(variable: str, fields: Mapping[str, FieldInfo], said: Mapping[str, tuple[str, str, str]]) -> str:
    default, required, meaning = said[variable]
    name, in_file = code(variable), f"{variable}_FILE"
    if in_file in fields:
        name += f', or in a file: <code id="{address(in_file)}">{in_file}</code>'
        if more := said[in_file][2].removeprefix("The same, in a file").lstrip("; "):
            meaning += f". The file: {more}"
    field = fields[variable]
    cells = (
        name,
        words(type_of(field.annotation, field.metadata)),
        words(default) or "none",
        words(required) or "no",
        words(meaning),
    )
    return row(cells, anchor=address(variable))


def type_of(kind: Any, metadata: Any = ()) -> str:
    """A type in words, with what bounds it.

    Raises:
        KeyError: there are no words for it.
    """
    bounds = _bounds(metadata)
    if get_origin(kind) is Annotated:
        inner, *more = get_args(kind)
        return type_of(inner, [*more, *metadata])
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(f"`{value}`" for value in get_args(kind))
    if get_origin(kind) is UnionType or (get_args(kind) and NoneType in get_args(kind)):
        return type_of(next(each for each in get_args(kind) if each is not NoneType), metadata)
    if get_origin(kind) is tuple:
        return f"list of {type_of(get_args(kind)[0])}, with commas"
    return _NAMES[kind.__name__] + bounds


def _bounds(metadata: Any) -> str:
    found = []
    for each in metadata:
        for part in getattr(each, "metadata", [each]):
            for name, word in (
                ("gt", "over"),
                ("ge", "at least"),
                ("le", "at most"),
                ("lt", "below"),
                ("max_length", "characters at most:"),
            ):
                if (value := getattr(part, name, None)) is not None:
                    found.append(f"{word} {value:g}")
    return f", {', '.join(found)}" if found else ""
