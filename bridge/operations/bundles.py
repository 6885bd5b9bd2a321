"""Bundles that are at hand: what the engine makes of one, and how it deviates from FHIR; needs no server."""

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import orjson

from bridge.areas import AREAS, GpRecord, map_record
from bridge.fhir.check import Deviation, check_bundle
from bridge.fhir.parsing import Parsed, parse
from bridge.mapping import Asked, Source
from bridge.operations.errors import OperationRefused
from bridge.record.dates import rfc3339

_TYPE_NAME: Final = re.compile("[A-Z][A-Za-z]{2,40}")


class NotABundle(OperationRefused):
    """The input is no bundle; the text says why in one line, and nothing of a patient."""


class UnknownArea(OperationRefused):
    """There is no clinical area of this name."""


def asked_for(areas: Sequence[str] | None) -> Asked:
    """What is taken to have been asked for: all there is of these areas; None: those that were answered.

    Raises:
        UnknownArea: one is none of those that this installation knows.
    """
    if areas is None:
        return Asked()
    known = {area.name: area.options for area in AREAS.areas}
    if unknown := [name for name in areas if name not in known]:
        raise UnknownArea(f"{unknown[0]!r} is none of {', '.join(known)}")
    options = {name: known[name] for name in areas}
    return Asked(areas={name: None if kind is None else kind() for name, kind in options.items()})


def mapped(body: bytes, *, asked: Asked) -> GpRecord:
    """What the mapper makes of a bundle; its snapshot is known by the hash of the body.

    Raises:
        NotABundle: it is no JSON, or another resource.
    """
    parsed = _bundle(body)
    digest = hashlib.sha256(body).hexdigest()
    source = Source(
        request_id=digest,
        retrieved_at=rfc3339(datetime.now(UTC)),
        body_sha256=digest,
        issues=parsed.issues,
        may_hold_modifiers=parsed.may_hold_modifiers,
    )
    return map_record(parsed.content, asked=asked, source=source)


def deviations(body: bytes) -> Sequence[Deviation]:
    """How a bundle deviates from base FHIR STU3, for its supplier.

    Raises:
        NotABundle: it is no JSON, or another resource.
    """
    return check_bundle(_bundle(body).content)


def _bundle(body: bytes) -> Parsed:
    try:
        parsed = parse(body)
    except orjson.JSONDecodeError as error:
        raise NotABundle(f"is not JSON: line {error.lineno} column {error.colno}") from None
    content = parsed.content
    kind = content.get("resourceType") if isinstance(content, dict) else None
    if kind != "Bundle":
        # Only what looks like the name of a type is repeated: anything may stand in a file.
        named = isinstance(kind, str) and _TYPE_NAME.fullmatch(kind)
        raise NotABundle(f"is not a FHIR Bundle{f' ({kind})' if named else ''}")
    return parsed
