"""`$gpc.getstructuredrecord`: the request as FHIR, and the answer as it came."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import structlog

from bridge.contracts.requests import Areas
from bridge.errors import ResponseInvalid
from bridge.fhir.build import Value, patient_parameters
from bridge.gpconnect import rules

_log = structlog.get_logger()

MEDIA_TYPES: Final = frozenset({"application/fhir+json", "application/json+fhir", "application/json"})
"""The current one, the one of 1.2.x providers, and what is left when a gateway loses the rest."""


def structured_parameters(nhs_number: str, areas: Areas) -> bytes:
    """The body of a request for the areas wanted, every option stated, so that no default decides.

    Raises:
        RequestRejected: the areas cannot be asked for together, or an option is out of its range.
    """
    wanted: dict[str, dict[str, Value]] = {}
    if areas.allergies is not None:
        wanted["includeAllergies"] = {"includeResolvedAllergies": areas.allergies.include_ended}
    if areas.medications is not None:
        medication: dict[str, Value] = {"includePrescriptionIssues": areas.medications.include_issues}
        if areas.medications.search_from is not None:
            medication["medicationSearchFromDate"] = areas.medications.search_from
        wanted["includeMedication"] = medication
    rules.check(wanted, today=datetime.now(UTC).date())
    return patient_parameters(nhs_number, wanted)


@dataclass(frozen=True, slots=True)
class StructuredAnswer:
    """An answer of a practice with status 200 and a JSON media type. Held as bytes, which are small.

    Attributes:
        body: as it came, decompressed: the source of truth.
        retrieved_at: when it had arrived, RFC 3339, UTC.
        trace_id: `Ssp-TraceID` of the call.
        practice_ods: the practice that was asked.
        body_sha256: identifies the body in logs and records.
    """

    body: bytes = field(repr=False)
    retrieved_at: str
    trace_id: str
    practice_ods: str
    body_sha256: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "body_sha256", hashlib.sha256(self.body).hexdigest())

    def bundle(self) -> dict[str, Any]:
        """The Bundle, parsed anew by each call: a parsed record takes many times the memory of its bytes.

        Raises:
            ResponseInvalid: not JSON, cut off, or no Bundle.
        """
        try:
            bundle = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise self._invalid("not_json") from None
        if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
            raise self._invalid("not_a_bundle")
        if not isinstance(bundle.get("entry"), list):
            raise self._invalid("bundle_without_entries")
        if bundle.get("id") not in (None, self.trace_id):  # new in 1.5, and not kept by every provider
            _log.info("bundle_id_differs", trace_id=self.trace_id, practice_ods=self.practice_ods)
        return bundle

    def _invalid(self, detail: str) -> ResponseInvalid:
        return ResponseInvalid(stage="provider", detail=detail, body_sha256=self.body_sha256)
