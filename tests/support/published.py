"""What travels keeps the schema that is published with it."""

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from bridge.operations.asyncapi import message_schemas
from bridge.pipelines.installed import installed_pipelines


def check(kind: str, data: dict[str, Any]) -> None:
    """Fails for data of an event or a request that breaks the schema of its kind."""
    faults = [f"{fault.json_path}: {fault.message}" for fault in _validator(kind).iter_errors(data)]
    assert faults == [], kind


@cache
def _validator(kind: str) -> Draft202012Validator:
    return Draft202012Validator(schemas()[kind], format_checker=FormatChecker())


@cache
def schemas() -> dict[str, dict[str, Any]]:
    """Of every message, by kind."""
    return message_schemas(installed_pipelines())
