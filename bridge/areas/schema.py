"""JSON Schema of the record, and a check of a record against it. Built on first use."""

from functools import cache
from typing import Any

from pydantic import TypeAdapter

from bridge.areas.gp_record import GpRecord
from bridge.contracts.schemas import schema_of


@cache
def _adapter() -> TypeAdapter[GpRecord]:
    return TypeAdapter(GpRecord)


def record_schema() -> dict[str, Any]:
    """The whole `GpRecord`, as ``bridge map`` prints it."""
    return schema_of(GpRecord, "gp-record")


def check_record(record: object) -> GpRecord:
    """`record` unchanged in content, when it keeps to the schema.

    Raises:
        pydantic.ValidationError: naming every place that does not.
    """
    return _adapter().validate_python(record, strict=True)
