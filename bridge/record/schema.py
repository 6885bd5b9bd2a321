"""JSON Schema of the record, and a check of a record against it. Built on first use."""

from functools import cache
from typing import Any

from pydantic import TypeAdapter

from bridge.record.gp_record import GpRecord


@cache
def _adapter() -> TypeAdapter[GpRecord]:
    return TypeAdapter(GpRecord)


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of `GpRecord`."""
    return _adapter().json_schema()


def check_record(record: object) -> GpRecord:
    """`record` unchanged in content, when it keeps to the schema.

    Raises:
        pydantic.ValidationError: naming every place that does not.
    """
    return _adapter().validate_python(record, strict=True)
