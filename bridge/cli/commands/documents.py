"""``bridge schemas``, ``asyncapi`` and ``topology``: the contract, generated from the code that keeps it."""

from pathlib import Path
from typing import Annotated

import typer


def schemas(
    directory: Annotated[
        Path, typer.Argument(help="Where to write; made when missing.", metavar="DIR", file_okay=False)
    ],
) -> None:
    """Write the JSON Schemas of requests, events and records of the installed pipelines."""
    from bridge.cli import documents

    documents.schemas(directory)


def asyncapi() -> None:
    """Print the AsyncAPI 3 document of the installed pipelines as JSON."""
    from bridge.cli import documents

    documents.asyncapi()


def topology() -> None:
    """Print what the installed pipelines need on the broker of BRIDGE_BUS_URL, as JSON for its own tools.

    For RabbitMQ these are definitions, as `rabbitmqctl import_definitions` takes them; for NATS the
    configurations of streams and consumers. Nothing is connected. See BRIDGE_BUS_DECLARE.
    """
    from bridge.cli import documents

    documents.topology()
