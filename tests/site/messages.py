"""The pages of messages: each with every field described and an example, from the schemas that are published."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from bridge.operations.asyncapi import asyncapi_document
from bridge.pipelines import Pipeline
from bridge.pipelines.installed import installed_pipelines
from tests.site.sources import HERE, ROOT, SitePage
from tests.site.tables import address, block, code, row, table, words

EXAMPLES: Final = (ROOT / "pipelines" / "examples", HERE / "examples")
"""Requests as a TIE sends them, and events as the engine published them for such requests in the sandbox."""
_HEADINGS: Final = ("Field", "Type", "Required", "Meaning")

_PUBLISHED: Final = "As it was published in the sandbox; of lists of more than twelve it shows three."

Schema = Mapping[str, Any]


@cache
def document() -> dict[str, Any]:
    """The AsyncAPI document of an installation with every pipeline and the usual names."""
    return asyncapi_document(installed_pipelines(), prefix="gpconnect", type_prefix="uk.nhs.gpconnect")


def examples() -> dict[str, dict[str, Any]]:
    """An example of each message, in its envelope, by kind."""
    found: dict[str, dict[str, Any]] = {}
    for folder in EXAMPLES:
        for file in sorted(folder.glob("*.json")):
            message = json.loads(file.read_text(encoding="utf-8"))
            if "type" in message:
                found.setdefault(kind_of(message), message)
    return found


def kind_of(message: Mapping[str, Any]) -> str:
    return str(message["type"]).removeprefix("uk.nhs.gpconnect.")


def message_pages() -> Iterator[SitePage]:
    """An index, the envelope, a page for each message, and what they are made of."""
    return _Pages().pages()


class _Pages:
    def __init__(self) -> None:
        self._pipelines: Sequence[Pipeline] = installed_pipelines()
        self._document = document()
        self._schemas: dict[str, Schema] = self._document["components"]["schemas"]
        self._kinds = list(self._document["channels"])
        self._requests = {each.accepts for one in self._pipelines for each in one.operations}
        self._examples = examples()

    def pages(self) -> Iterator[SitePage]:
        yield self._index()
        yield SitePage("messages/envelope.md", self._envelope())
        for kind in self._kinds:
            yield SitePage(f"messages/{kind}.md", self._message(kind))
        yield SitePage("messages/parts.md", self._parts())

    def _index(self) -> SitePage:
        asked = [kind for kind in self._kinds if kind in self._requests]
        told = [kind for kind in self._kinds if kind not in self._requests]
        text = (
            "# Messages\n\nWhat a hospital sends, and what the engine publishes: every field is described, and "
            "every example is one that the engine took or made in the sandbox. Each stands in an "
            "[envelope](envelope.md); what several are made of is among the [parts](parts.md). `bridge schemas DIR` "
            "writes the JSON Schemas, `bridge asyncapi` the AsyncAPI document, of which these pages are made.\n"
        )
        for title, kinds in (("Requests", asked), ("Events", told)):
            rows = (row((f'<a href="{kind}.md">{code(kind)}</a>', self._about(kind))) for kind in kinds)
            text += f"\n## {title}\n{table(title, ('Message', 'What it is for'), rows)}"
        return SitePage("messages/index.md", text)

    def _about(self, kind: str) -> str:
        """What a message is for; of one whose schema has no words, what is said of its bytes."""
        said = self._schemas.get(kind, {}).get("description", "").partition("\n\n")[0]
        said = said.removeprefix(f"``{kind}``: ")
        if kind in self._requests:
            said = self._document["operations"][f"receive-{kind}"]["summary"]
        if not said:
            said = self._payload(kind)["properties"]["data_base64"]["description"]
        return words(said[:1].upper() + said[1:])

    def _payload(self, kind: str) -> Schema:
        payload: Schema = self._document["components"]["messages"][kind]["payload"]
        return payload

    def _message(self, kind: str) -> str:
        channel = self._document["channels"][kind]
        exchange = channel["bindings"]["amqp"]["exchange"]["name"]
        schema = self._schemas.get(kind)
        facts = [
            (
                "Direction",
                "from a hospital to the engine"
                if kind in self._requests
                else "from the engine to whoever listens",
            ),
            ("Exchange and routing key", f"{code(exchange)}, {code(kind)}"),
            ("CloudEvents type", code(f"uk.nhs.gpconnect.{kind}")),
            ("Envelope", '<a href="envelope.md">CloudEvents</a>'),
            *self._answers(kind),
        ]
        text = (
            f"# {kind}\n\n{self._about(kind)}\n{table('How it travels', ('What', 'Value'), map(row, facts))}"
        )
        if schema is not None:
            *_, rest = str(schema.get("description", "")).partition("\n\n")
            if rest:
                text += f"\n{words(rest)}\n"
            text += f"\n## Fields of `data`\n{self._fields(schema, kind)}"
        else:
            text += f"\n## Fields of the envelope\n{self._rows(self._bytes_fields(kind), ['data_base64'], 'Beside those of every envelope')}"
        return text + self._example(kind)

    def _bytes_fields(self, kind: str) -> dict[str, Schema]:
        common = self._payload("request.failed.v1")["properties"]
        return {
            name: field for name, field in self._payload(kind)["properties"].items() if name not in common
        }

    def _answers(self, kind: str) -> Iterator[tuple[str, str]]:
        if kind in self._requests:
            own = [
                each
                for one in self._pipelines
                for operation in one.operations
                if operation.accepts == kind
                for each in operation.publishes
            ]
            yield "Ends in", _links([*own, "request.failed.v1", "request.rejected.v1"])
            return
        of = [
            operation.accepts
            for one in self._pipelines
            for operation in one.operations
            if kind in operation.publishes
        ]
        if of:
            yield "Answers", _links(of)

    def _example(self, kind: str) -> str:
        said = "" if kind in self._requests else f"\n{_PUBLISHED}\n"
        written = json.dumps(self._examples[kind], indent=2, ensure_ascii=False)
        return f"\n## Example\n{said}\n{block(written, 'json')}"

    def _envelope(self) -> str:
        of_event = self._payload("request.failed.v1")["properties"]
        added = {name: field for name, field in of_event.items() if name != "data"}
        return (
            "# The envelope\n\n"
            "Every message is a CloudEvent 1.0 in its structured form, `application/cloudevents+json`. A request may also "
            "be sent as its `data` alone, with the AMQP properties `message_id` and `correlation_id`.\n"
            f"\n## Attributes\n{self._fields(self._schemas['cloudevent'], 'Of every message')}"
            f"\n## What events carry besides\n{self._rows(added, [], 'Of events, each where there is a value')}"
        )

    def _parts(self) -> str:
        text = "# Parts of messages\n\nWhat several messages are made of. A field whose type is one of these names it.\n"
        for name in sorted(self._schemas.keys() - {*self._kinds, "cloudevent"}, key=str.casefold):
            schema = self._schemas[name]
            text += f"\n## {name} {{: #{address(name)} }}\n\n{words(str(schema.get('description', '')))}\n"
            if "properties" in schema:
                text += self._fields(schema, name)
            else:
                text += f"\n{self._type(schema)}\n"
        return text

    def _fields(self, schema: Schema, caption: str) -> str:
        return self._rows(schema["properties"], schema.get("required", ()), caption)

    def _rows(self, fields: Mapping[str, Schema], required: Iterable[str], caption: str) -> str:
        rows = (
            row(
                (
                    code(name),
                    self._type(field),
                    "yes" if name in required else "no",
                    words(_described(name, field, caption)) + _default(field),
                )
            )
            for name, field in fields.items()
        )
        return table(caption, _HEADINGS, rows)

    def _type(self, schema: Schema) -> str:
        """A type in words, with links to what it is made of."""
        if "$ref" in schema:
            name = str(schema["$ref"]).rpartition("/")[2]
            return f'<a href="parts.md#{address(name)}">{name}</a>'
        for key in ("anyOf", "oneOf", "allOf"):
            if key in schema:
                kinds = [self._type(each) for each in schema[key]]
                return " or ".join(dict.fromkeys(kinds))
        if schema.get("type") == "array":
            return f"list of {self._type(schema['items'])}{_bounds(schema)}"
        if isinstance(schema.get("additionalProperties"), dict):
            return f"object of {self._type(schema['additionalProperties'])} by name"
        return _plain(schema)


def _plain(schema: Schema) -> str:
    """A type that is made of no other."""
    if "const" in schema:
        return code(json.dumps(schema["const"]))
    if "enum" in schema:
        return "one of " + ", ".join(code(str(value)) for value in schema["enum"])
    if "properties" in schema:
        return f"object with {', '.join(map(code, schema['properties']))}"
    return f"{_WORDS[schema.get('type')]}{_bounds(schema)}"


_WORDS: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
    "object": "object",
    None: "anything",
}
_LIMITS: Final = {
    "format": "as {}",
    "minLength": "{} characters or more",
    "maxLength": "{} characters at most",
    "minItems": "{} or more",
    "maxItems": "{} at most",
    "minimum": "{} or more",
    "maximum": "{} at most",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
}


def _bounds(schema: Schema) -> str:
    found = [said.format(schema[name]) for name, said in _LIMITS.items() if name in schema]
    if "pattern" in schema:
        found.append(f"matching {code(schema['pattern'])}")
    return f" ({', '.join(found)})" if found else ""


def _described(name: str, field: Schema, where: str) -> str:
    """What a field means.

    Raises:
        ValueError: it is not said.
    """
    if not field.get("description"):
        raise ValueError(f"{where}: {name} is not described")
    return str(field["description"])


def _default(field: Schema) -> str:
    default = field.get("default")
    return f" Default: {code(json.dumps(default))}." if default is not None else ""


def _links(kinds: Iterable[str]) -> str:
    return ", ".join(f'<a href="{kind}.md">{code(kind)}</a>' for kind in dict.fromkeys(kinds))
