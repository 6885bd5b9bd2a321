"""The AsyncAPI 3 document of an installation: every queue it reads, every topic it writes."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final

from bridge.areas.schema import record_schema
from bridge.areas.table import AREAS
from bridge.contracts.envelope import STRUCTURED, Attributes
from bridge.contracts.events import EVENT_TYPES, REQUEST_FAILED, REQUEST_REJECTED
from bridge.contracts.schemas import component_schemas, envelope_schema, schema_of
from bridge.pipelines.declaration import Operation, Pipeline
from bridge.renderings.table import RENDERINGS

_EXTENSIONS: Final = {
    "correlationid": {"type": "string", "description": "As in the request; absent there: the request's id."},
    "causationid": {"type": "string", "description": "The sender's id of the request that it answers."},
    "replayof": {
        "type": "string",
        "description": "The id of the request that failed, where the one that is answered asks again for it.",
    },
    "encounterid": {
        "type": "string",
        "description": "`encounter_id` of the request.",
    },
    "patientkey": {"type": "string", "description": "Keyed hash of the NHS number, where it could be read."},
    "traceparent": {
        "type": "string",
        "description": "W3C trace context in which the event was made, where the request belongs to a trace.",
    },
    "tracestate": {"type": "string", "description": "Goes with `traceparent`."},
    "sequence": {"type": "string", "description": "Which of how many events of the answer: `2/3`."},
}
_SNAPSHOT: Final = {
    "snapshotat": {
        "type": "string",
        "format": "date-time",
        "description": "When the practice's answer came of which this is the whole list (A31, A60, VXU); "
        "a report (ORU) has none. Replace no list by an older one.",
    },
}
_CLAIM_CHECK: Final = {
    "dataref": {"type": "string", "format": "uri", "description": "Where a large event's data is fetched."},
    "datahash": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$", "description": "Of that data."},
    "datasize": {"type": "integer", "description": "Of that data, bytes."},
    "dataexpiry": {"type": "string", "format": "date-time", "description": "Until when it is kept."},
}


def message_schemas(pipelines: Sequence[Pipeline]) -> dict[str, dict[str, Any]]:
    """JSON Schemas by file stem: requests, the data of events, the envelope and the whole record."""
    schemas = {"cloudevent": envelope_schema(), "gp-record": record_schema()}
    for _, operation in _operations(pipelines):
        schemas[operation.accepts] = schema_of(operation.request, operation.accepts, "validation")
    for kind, model in _published(pipelines).items():
        schemas[kind] = schema_of(model, kind)
    return schemas


def asyncapi_document(pipelines: Sequence[Pipeline], *, prefix: str, type_prefix: str) -> dict[str, Any]:
    """AsyncAPI 3.0 for these pipelines.

    Args:
        pipelines: what the installation runs.
        prefix: first part of exchange and queue names (``BRIDGE_BUS_PREFIX``).
        type_prefix: first part of the CloudEvents type (``BRIDGE_EVENTS_TYPE_PREFIX``).
    """
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    schemas = component_schemas(Attributes, "cloudevent", "validation")
    for pipeline, operation in _operations(pipelines):
        kind = operation.accepts
        schemas |= component_schemas(operation.request, kind, "validation", known=schemas)
        messages[kind] = _message(kind, "CloudEvents structured, binary, or bare JSON with AMQP properties.")
        channels[kind] = _channel(kind, f"{prefix}.requests", f", read from queue {prefix}.{pipeline.name}")
        operations[f"receive-{kind}"] = _operation("receive", kind, operation.handler)
    for kind, model in _published(pipelines).items():
        schemas |= component_schemas(model, kind, known=schemas)
        messages[kind] = _event(kind, f"CloudEvents structured, type {type_prefix}.{kind}.")
        channels[kind] = _channel(kind, f"{prefix}.events", "")
        operations[f"publish-{kind}"] = _operation("send", kind, model)
    for kind, media_type in _rendered_as_bytes(pipelines).items():
        messages[kind] = _bytes(kind, f"CloudEvents structured, type {type_prefix}.{kind}.", media_type)
        channels[kind] = _channel(kind, f"{prefix}.events", "")
        operations[f"publish-{kind}"] = _operation("send", kind, _rendered_as_bytes)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "GP Connect bridge",
            "version": version("gpconnect-bridge"),
            "description": "Requests a hospital puts on its bus, and what the engine publishes in answer.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": STRUCTURED,
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas},
    }


def _operations(pipelines: Sequence[Pipeline]) -> Iterator[tuple[Pipeline, Operation[Any]]]:
    return ((pipeline, operation) for pipeline in pipelines for operation in pipeline.operations)


def _published(pipelines: Sequence[Pipeline]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for _, operation in _operations(pipelines):
        found |= operation.publishes
    # What changed of an area is told by a rendering of any pipeline that publishes it.
    found |= {area.changed_kind: area.changed for area in AREAS.areas if area.kind in found}
    for spec in RENDERINGS.values():
        if not spec.reads.isdisjoint(found):
            found |= spec.data
    return found | {kind: EVENT_TYPES[kind] for kind in (REQUEST_FAILED, REQUEST_REJECTED)}


def _rendered_as_bytes(pipelines: Sequence[Pipeline]) -> Mapping[str, str]:
    """A further form of the answer, where the site has switched it on or the request asks for it."""
    published = _published(pipelines)
    return {
        topic: media_type
        for spec in RENDERINGS.values()
        if not spec.reads.isdisjoint(published)
        for topic, media_type in spec.topics.items()
        if topic not in published
    }


def _message(kind: str, summary: str) -> dict[str, Any]:
    return {
        "name": kind,
        "title": kind,
        "summary": summary,
        "contentType": STRUCTURED,
        "correlationId": {"location": "$message.payload#/correlationid"},
        "payload": {
            "allOf": [{"$ref": "#/components/schemas/cloudevent"}],
            "type": "object",
            "required": ["data"],
            "properties": {"data": {"$ref": f"#/components/schemas/{kind}"}},
        },
    }


def _event(kind: str, summary: str) -> dict[str, Any]:
    """An event carries its data, or a claim check when it is large (`bridge.engine.claims`)."""
    message = _message(kind, summary)
    payload = message["payload"]
    payload["properties"] |= _EXTENSIONS | _CLAIM_CHECK
    del payload["required"]
    payload["oneOf"] = [{"required": ["data"]}, {"required": list(_CLAIM_CHECK)}]
    return message


def _bytes(kind: str, summary: str, media_type: str) -> dict[str, Any]:
    """An event whose data is no JSON, and so is written in base64."""
    message = _event(kind, summary)
    payload = message["payload"]
    del payload["properties"]["data"]
    payload["properties"] |= _SNAPSHOT
    payload["properties"]["data_base64"] = {
        "type": "string",
        "contentEncoding": "base64",
        "contentMediaType": media_type,
        "description": f"A message of the media type {media_type}.",
    }
    payload["oneOf"][0] = {"required": ["data_base64"]}
    return message


def _channel(kind: str, exchange: str, queue: str) -> dict[str, Any]:
    return {
        "address": kind,
        "title": kind,
        "description": f"Routing key {kind} on exchange {exchange}{queue}.",
        "messages": {kind: {"$ref": f"#/components/messages/{kind}"}},
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {"name": exchange, "type": "topic", "durable": True, "autoDelete": False},
            }
        },
    }


def _operation(action: str, kind: str, described: object) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{kind}"},
        "summary": (described.__doc__ or "").strip().split("\n", 1)[0],
        "messages": [{"$ref": f"#/channels/{kind}/messages/{kind}"}],
    }
