"""JSON Schemas (2020-12) of everything that travels, generated from the code."""

from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from bridge.contracts.envelope import Attributes
from bridge.record import GpRecord

DIALECT = GenerateJsonSchema.schema_dialect


Direction = Literal["validation", "serialization"]


def schema_of(model: Any, kind: str, direction: Direction = "serialization") -> dict[str, Any]:
    """The JSON Schema of one message's data, as a document of its own.

    Args:
        model: a pydantic model (requests) or a TypedDict (events, records).
        kind: names the schema: its ``$id`` is ``<kind>.json``, relative to where the site serves it.
        direction: ``validation`` for what is read, ``serialization`` for what is written.
    """
    return {"$schema": DIALECT, "$id": f"{kind}.json", **TypeAdapter(model).json_schema(mode=direction)}


def component_schemas(model: Any, kind: str, direction: Direction = "serialization") -> dict[str, Any]:
    """The same schema for a document that keeps all of them under ``#/components/schemas``."""
    schema = TypeAdapter(model).json_schema(mode=direction, ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), kind: schema}


def envelope_schema() -> dict[str, Any]:
    """The envelope of a request: CloudEvents 1.0 attributes as the engine reads them."""
    return schema_of(Attributes, "cloudevent", "validation")


def record_schema() -> dict[str, Any]:
    """The whole `GpRecord`, as ``bridge map`` prints it."""
    return schema_of(GpRecord, "gp-record")
