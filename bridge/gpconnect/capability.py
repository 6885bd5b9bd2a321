"""What a practice's system says it is: CapabilityStatement, and Conformance of version 0."""

import hashlib
from typing import Any, Literal

import orjson

from bridge.errors import ResponseInvalid
from bridge.spine.clock import timestamp
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class Capability:
    """What a practice's system says it is (CS-030).

    Attributes:
        version: `CapabilityStatement.version`: the GP Connect version it implements, when it says so.
        operations: names of the operations it offers, such as ``gpc.getstructuredrecord``.
        retrieved_at: RFC 3339, UTC.
    """

    version: str | None
    operations: tuple[str, ...]
    retrieved_at: str


StatementKind = Literal["CapabilityStatement", "Conformance"]


def read_capability(body: bytes, wanted: StatementKind) -> Capability:
    """Read a statement.

    Raises:
        ResponseInvalid: it is none.
    """
    try:
        statement = orjson.loads(body)
        kind = _primitive(statement["resourceType"])
        capability = Capability(
            version=_primitive(statement.get("version")),
            operations=tuple(
                _primitive(operation["name"])
                for rest in statement.get("rest", [])
                for operation in rest.get("operation", [])
            ),
            retrieved_at=timestamp(),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        kind = None
    if kind != wanted:
        raise ResponseInvalid(
            stage="provider",
            detail="not_a_capability_statement",
            body_sha256=hashlib.sha256(body).hexdigest(),
        )
    return capability


def _primitive(value: Any) -> Any:
    """A value, also where a DSTU2 provider wraps it as ``{"value": …}``."""
    return value["value"] if isinstance(value, dict) else value
