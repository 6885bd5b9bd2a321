"""Logical ids of FHIR: opaque, with their case, and part of a path."""

import re
from typing import TypeGuard

# FHIR, and the underscores that some systems use.
_LOGICAL_ID = re.compile(r"[A-Za-z0-9\-._]{1,64}")


def is_logical_id(value: object) -> TypeGuard[str]:
    """Whether a value can be a logical id, and stand in a path as it is."""
    return isinstance(value, str) and _LOGICAL_ID.fullmatch(value) is not None and value not in (".", "..")
