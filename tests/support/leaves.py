"""An event in which every field is set, and every single value of it with others that it might have.

Whether a form tells a value is seen by changing it: what the form says then changes too, however it says it.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from bridge.areas.publishing import record_events
from bridge.contracts.schemas import schema_of

Path = tuple[str | int, ...]


class Leaf(NamedTuple):
    """One value: where it stands, others that its schema allows, and whether it may be left out."""

    path: Path
    others: tuple[Any, ...]
    optional: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fields on the way to it, without places in lists."""
        return tuple(each for each in self.path if isinstance(each, str))


def example(kind: str, choice: int = 0) -> tuple[dict[str, Any], list[Leaf]]:
    """The data of an event of a kind with every field, one entry in each list, and texts that differ.

    Args:
        kind: of the event.
        choice: which of several types a value has that may be of several, from 0.
    """
    schema = _schema(kind)
    made = _Example(schema.get("$defs", {}), choice)
    data = made.value(schema, ())
    assert isinstance(data, dict)
    return data, made.leaves


def changes(data: dict[str, Any], leaf: Leaf) -> Iterator[None]:
    """Changes one value of the data to each of the others in turn, leaves it out, and puts it back.

    Nothing is yielded where the data has no such value.
    """
    *way, last = leaf.path
    place: Any = data
    try:
        for step in way:
            place = place[step]
        place[last]
    except (KeyError, IndexError):
        return
    whole = place.copy()
    try:
        for other in leaf.others:
            place[last] = other
            yield
        if leaf.optional:
            del place[last]
            yield
    finally:
        # Whoever looks at the first change alone leaves all as it was, in its order.
        place.clear()
        place.update(whole) if isinstance(place, dict) else place.extend(whole)


@cache
def _schema(kind: str) -> dict[str, Any]:
    """Of one kind alone: those of everything that is published take seconds."""
    return schema_of(record_events()[kind], kind)


class _Example:
    def __init__(self, defs: Mapping[str, Any], choice: int) -> None:
        self.defs = defs
        self.choice = choice
        self.leaves: list[Leaf] = []

    def value(self, schema: Mapping[str, Any], path: Path, *, optional: bool = False) -> Any:
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            if name == "PartialDate":
                self.leaves.append(Leaf((*path, "value"), ("2011-02-03",), optional=False))
                self.leaves.append(Leaf((*path, "precision"), ("unparsed",), optional=False))
                return {"value": "2004-05-06", "precision": "day"}
            return self.value(self.defs[name], path)
        if "anyOf" in schema:
            return self.value(schema["anyOf"][self.choice % len(schema["anyOf"])], path)
        if "properties" in schema:
            required = schema.get("required", ())
            return {
                name: self.value(inner, (*path, name), optional=name not in required)
                for name, inner in schema["properties"].items()
            }
        if schema.get("type") == "array":
            return [self.value(schema["items"], (*path, 0))]
        value, *others = _values(schema, path)
        self.leaves.append(Leaf(path, tuple(others), optional))
        return value


def _values(schema: Mapping[str, Any], path: Path) -> Sequence[Any]:
    """Values that a schema allows, or is near to allow, the first for the example."""
    text = f"the {' '.join(each for each in path if isinstance(each, str))}"
    if "const" in schema:
        return [schema["const"], "another"]
    if "enum" in schema:
        return list(schema["enum"])
    if "pattern" in schema:
        return ["91936005", "294505008"]
    of_types: Mapping[str, Sequence[Any]] = {
        "boolean": [True, False],
        "integer": [3, 4],
        "number": [3, 4],
        "object": [{"name": "sent"}, {"name": "sent otherwise"}],
    }
    return of_types.get(schema.get("type", ""), [text, f"not {text}"])
