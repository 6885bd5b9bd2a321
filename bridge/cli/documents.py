"""``bridge schemas``, ``asyncapi`` and ``topology``: the contract, generated from the code that keeps it."""

import sys
from pathlib import Path

import orjson
import typer

from bridge.operations.asyncapi import asyncapi_document, message_schemas
from bridge.operations.site import topology_of
from bridge.pipelines.installed import installed_pipelines
from bridge.settings import Settings

_READABLE = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


def schemas(directory: Path) -> None:
    """Write the JSON Schemas of the installed pipelines."""
    directory.mkdir(parents=True, exist_ok=True)
    for kind, schema in sorted(message_schemas(installed_pipelines()).items()):
        (directory / f"{kind}.json").write_bytes(orjson.dumps(schema, option=_READABLE))
        typer.echo(directory / f"{kind}.json")


def asyncapi() -> None:
    """Print the AsyncAPI 3 document of the installed pipelines as JSON."""
    settings = Settings.load()
    document = asyncapi_document(
        installed_pipelines(), prefix=settings.bus.prefix, type_prefix=settings.events.type_prefix
    )
    sys.stdout.buffer.write(orjson.dumps(document, option=_READABLE))


def topology() -> None:
    """Print what the installed pipelines need on the broker as JSON."""
    sys.stdout.buffer.write(orjson.dumps(topology_of(Settings.load()), option=_READABLE))
