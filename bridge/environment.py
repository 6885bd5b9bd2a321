"""A tree of settings out of the environment, with every fault told at once, by the names of variables."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from bridge.errors import Misconfigured

Tree = TypeVar("Tree", bound=BaseModel)
_SANDBOX: Final = "BRIDGE_SANDBOX"


def read(
    tree: type[Tree],
    check: Callable[[Tree], None] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Tree:
    """Read a tree of settings.

    Args:
        tree: what to read.
        check: whether the settings are enough for what is about to be done; raises `Misconfigured`. It looks
            at them even when some values are malformed, with the defaults in their place, so that what it
            finds is told together with them.
        environ: variables that are read instead of the process's own.

    Raises:
        Misconfigured: with every malformed value, every misspelt name, and everything that `check` finds.
    """
    malformed: dict[str, str] = {}
    while (settings := _read(tree, malformed, environ)) is None:
        pass
    unknown = list(misspelt(tree)) if malformed else []
    named = {problem.partition(":")[0] for problem in unknown}
    problems = [problem for name, problem in malformed.items() if name not in named] + unknown
    if check is not None:
        try:
            check(settings)
        except Misconfigured as fault:
            problems += (problem for problem in fault.problems if not _names_one_of(malformed, problem))
    if problems:
        raise Misconfigured(*dict.fromkeys(problems))
    return settings


def misspelt(tree: type[BaseModel]) -> Iterator[str]:
    """Variables that are no setting but look like one: what they should set would be left as it is.

    Of an unknown group only those near a name are told: platforms set variables of their own
    (``BRIDGE_SERVICE_HOST``).
    """
    known = list(_names(tree))
    groups = tuple(f"BRIDGE_{name}_".upper() for name in tree.model_fields)
    for name in sorted(name for name in os.environ if name.startswith("BRIDGE_") and name not in known):
        nearest = get_close_matches(name, known, n=1, cutoff=0.6 if name.startswith(groups) else 0.9)
        if nearest:
            yield f"{name}: is no setting; the nearest is {nearest[0]}"
        elif name.startswith(groups):
            yield f"{name}: is no setting"


def files_of(settings: BaseModel, *groups: str) -> dict[str, Path]:
    """The files that settings of these groups name, by variable; what is not set is left out."""
    found = {}
    for group in groups:
        section = getattr(settings, group)
        for name in type(section).model_fields:
            file = getattr(section, name)
            if name.endswith("_file") and isinstance(file, Path):
                found[f"BRIDGE_{group}_{name}".upper()] = file
    return found


def file_faults(files: Mapping[str, Path]) -> Iterator[str]:
    """What keeps files from being read, by the variables that name them."""
    for name, file in files.items():
        try:
            if not file.read_bytes().strip():
                yield f"{name}: the file is empty"
        except OSError as error:
            yield f"{name}: cannot be read ({error.strerror})"


def secret(settings: BaseModel, group: str, name: str) -> str | None:
    """A secret of a group, from its variable, else from the file that ``…_FILE`` names; None without both.

    White space around it, such as the newline at a file's end, is no part of it.

    Raises:
        Misconfigured: there is a file, and no secret can be read from it.
    """
    section = getattr(settings, group)
    value, file = getattr(section, name), getattr(section, f"{name}_file")
    if value is not None:
        return str(value.get_secret_value())
    if file is None:
        return None
    variable = f"BRIDGE_{group}_{name}_FILE".upper()
    for fault in file_faults({variable: file}):
        raise Misconfigured(fault)
    try:
        return str(file.read_text(encoding="utf-8").strip())
    except ValueError:
        raise Misconfigured(f"{variable}: is no UTF-8 text") from None


def _read(tree: type[Tree], malformed: dict[str, str], environ: Mapping[str, str] | None) -> Tree | None:
    """The settings without the malformed variables; None when there are more, which are then among them."""
    texts = os.environ if environ is None else environ
    given = {name.lower(): text for name, text in texts.items() if name.upper() not in malformed}
    found = _no_groups(tree, given)
    if not found:
        values = _values(tree, given)
        if _SANDBOX in malformed:
            values["sandbox"] = True  # what is missing in the sandbox is missing in any case
        try:
            return tree.model_validate(values)
        except ValidationError as error:
            found = _faults(error, given.keys())
    before = len(malformed)
    for name, problem in found.items():
        malformed.setdefault(name, problem)
    if len(malformed) == before:
        raise Misconfigured(*malformed.values())  # nothing more can be left out
    return None


def _values(tree: type[BaseModel], given: Mapping[str, str]) -> dict[str, object]:
    """What is given, by the names of settings; the variable of one wins over the object of its group."""
    values: dict[str, object] = {}
    for name in tree.model_fields:
        variable = f"bridge_{name}"
        whole = given.get(variable)
        if not _is_group(tree, name):
            if whole is not None:
                values[name] = whole
            continue
        start = f"{variable}_"
        group = {} if whole is None else json.loads(whole)
        group |= {each.removeprefix(start): text for each, text in given.items() if each.startswith(start)}
        if group:
            values[name] = group
    return values


def _faults(error: ValidationError, given: AbstractSet[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for fault in error.errors(include_input=False):
        parts = [str(part).upper() for part in fault["loc"]]
        name = f"BRIDGE_{'_'.join(parts[:2])}"
        if name.casefold() not in given:
            name = f"BRIDGE_{parts[0]}"  # given as one object with its whole group
        rule = "is no setting" if fault["type"] == "extra_forbidden" else fault["msg"]
        found.setdefault(name, f"{'_'.join(['BRIDGE', *parts])}: {rule}")
    return found


def _no_groups(tree: type[BaseModel], given: Mapping[str, str]) -> dict[str, str]:
    """Groups of settings that are given as a whole, and as no JSON object."""
    found = {}
    for name in tree.model_fields:
        text = given.get(f"bridge_{name}")
        if text is not None and _is_group(tree, name) and not _is_object(text):
            variable = f"BRIDGE_{name}".upper()
            found[variable] = f"{variable}: is no JSON object; its settings are {variable}_…"
    return found


def _names(tree: type[BaseModel]) -> Iterator[str]:
    """The variable of every setting."""
    for name, field in tree.model_fields.items():
        group: Any = field.annotation
        if _is_group(tree, name):
            yield from (f"BRIDGE_{name}_{part}".upper() for part in group.model_fields)
        else:
            yield f"BRIDGE_{name}".upper()


def _is_group(tree: type[BaseModel], name: str) -> bool:
    kind = tree.model_fields[name].annotation
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _names_one_of(variables: Mapping[str, str], problem: str) -> bool:
    """Whether a problem is about one of these, which is told already: ``A or B: is required``."""
    return not variables.keys().isdisjoint(problem.partition(":")[0].split())
