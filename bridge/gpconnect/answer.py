"""A practice's answer as it came."""

import hashlib
from dataclasses import field
from typing import Any, Final

import orjson

from bridge.errors import ResponseInvalid
from bridge.fhir.parsing import Parsed, parse
from bridge.values import dataclass

MEDIA_TYPES: Final = frozenset({"application/fhir+json", "application/json+fhir", "application/json"})
"""That of 1.x, that of 0.x and 1.2.x providers, and what is left when a gateway loses the rest."""


@dataclass(frozen=True, slots=True)
class PracticeAnswer:
    """An answer of a practice with status 200 and a JSON media type. Held as bytes, which are small.

    Attributes:
        body: as it came, decompressed: the source of truth.
        retrieved_at: when it had arrived, RFC 3339, UTC.
        trace_id: `Ssp-TraceID` of the call.
        practice_ods: the practice that was asked.
        supplier_ods: who made the practice's system, where the directory was asked and says so.
        body_sha256: identifies the body in logs and records.
    """

    body: bytes = field(repr=False)
    retrieved_at: str
    trace_id: str
    practice_ods: str
    supplier_ods: str | None = None
    body_sha256: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "body_sha256", hashlib.sha256(self.body).hexdigest())

    def bundle(self) -> dict[str, Any]:
        """The Bundle of `parsed`."""
        bundle: dict[str, Any] = self.parsed().content
        return bundle

    def parsed(self) -> Parsed:
        """The Bundle, parsed anew by each call: a parsed record takes many times the memory of its bytes.

        Raises:
            ResponseInvalid: not JSON, cut off, or no Bundle.
        """
        try:
            parsed = parse(self.body)
        except orjson.JSONDecodeError:
            raise self._invalid("not_json") from None
        bundle = parsed.content
        if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
            raise self._invalid("not_a_bundle")
        if not isinstance(bundle.get("entry"), list):
            raise self._invalid("bundle_without_entries")
        return parsed

    def _invalid(self, detail: str) -> ResponseInvalid:
        return ResponseInvalid(stage="provider", detail=detail, body_sha256=self.body_sha256)
