"""Files of bundles, read for ``bridge map`` and ``bridge check``, or why one cannot be."""

import re
import sys
from pathlib import Path

import orjson

from bridge.fhir.parsing import Parsed, parse

_TYPE_NAME = re.compile("[A-Z][A-Za-z]{2,40}")


class NotABundleError(Exception):
    """The input is no bundle; the text says why in one line."""


def read(file: Path) -> bytes:
    """What stands in a file, or on standard input.

    Raises:
        NotABundleError: it cannot be read.
    """
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise NotABundleError(f"cannot be read: {error.strerror}") from None


def parse_bundle(body: bytes) -> Parsed:
    """The bundle that stands in there.

    Raises:
        NotABundleError: it is no JSON, or another resource.
    """
    try:
        parsed = parse(body)
    except orjson.JSONDecodeError as error:
        raise NotABundleError(f"is not JSON: line {error.lineno} column {error.colno}") from None
    content = parsed.content
    kind = content.get("resourceType") if isinstance(content, dict) else None
    if kind != "Bundle":
        # Only what looks like the name of a type is repeated: anything may stand in a file.
        named = isinstance(kind, str) and _TYPE_NAME.fullmatch(kind)
        raise NotABundleError(f"is not a FHIR Bundle{f' ({kind})' if named else ''}")
    return parsed
