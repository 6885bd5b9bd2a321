"""The GP Connect client: one patient's record from the practice that holds it."""

import hashlib
from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial
from typing import Final

import orjson
import structlog

from bridge.contracts.requests import Areas, Patient, Requester
from bridge.errors import ResponseInvalid
from bridge.gpconnect.errors import DirectoryStale, error_for
from bridge.gpconnect.structured import MEDIA_TYPES, StructuredAnswer, structured_parameters
from bridge.spine import Spine
from bridge.spine.clock import timestamp
from bridge.spine.interactions import (
    FOUNDATIONS_METADATA,
    STRUCTURED_METADATA,
    STRUCTURED_RECORD,
    Interaction,
)
from bridge.spine.pds import TracedPatient, verify, verify_practice
from bridge.spine.proxy import ProxyAnswer

_log = structlog.get_logger()

_OK: Final = 200


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


class GpConnect:
    """Asks practices, as the person who asked us.

    Args:
        spine: the open Spine clients.
    """

    def __init__(self, spine: Spine) -> None:
        self._spine = spine

    async def trace(self, patient: Patient, *, practice_ods_code: str | None = None) -> TracedPatient:
        """Trace the patient on PDS and check the details that were sent.

        Raises:
            Refused: not found, restricted, deceased or not registered; or the details or the practice
                are not those of PDS.
            Unavailable: PDS cannot answer now.
        """
        traced = await self._spine.pds.trace(patient.nhs_number)
        verify(patient, traced)
        verify_practice(practice_ods_code, traced)
        return traced

    async def structured_record(
        self,
        patient: TracedPatient,
        *,
        areas: Areas,
        requested_by: Requester,
        encounter_id: str | None = None,
    ) -> StructuredAnswer:
        """Ask the patient's practice for the areas wanted, in one call (CS-027).

        Args:
            patient: traced for this request: its practice is the one that is asked.
            areas: what is wanted.
            requested_by: the real user and organisation.
            encounter_id: requests of one user in one encounter of one patient share directory look-ups.

        Raises:
            RequestRejected: the areas cannot be asked for together.
            Refused: the practice, the proxy, a directory or this installation says no.
            ResponseInvalid: the answer cannot be a record; `StructuredAnswer.bundle` raises it as well.
            Unavailable: no answer now.
        """
        body = structured_parameters(patient.nhs_number, areas)
        encounter = (
            (requested_by.organisation.ods_code, requested_by.user_id, patient.nhs_number, encounter_id)
            if encounter_id
            else None
        )
        answer = await self._ask(
            patient.practice_ods, STRUCTURED_RECORD, requested_by=requested_by, encounter=encounter, body=body
        )
        return StructuredAnswer(
            body=answer.answer.body,
            retrieved_at=timestamp(),
            trace_id=answer.trace_id,
            practice_ods=patient.practice_ods,
        )

    async def capability(
        self, practice_ods: str, *, requested_by: Requester, structured_specific: bool = False
    ) -> Capability:
        """Ask a practice what its system offers.

        Args:
            practice_ods: the practice.
            requested_by: the real user and organisation.
            structured_specific: use the capability statement of Access Record Structured itself, which
                is not live everywhere: only where the programme has instructed so (CS-029).

        Raises:
            Refused, ResponseInvalid, Unavailable: as for a record.
        """
        interaction = STRUCTURED_METADATA if structured_specific else FOUNDATIONS_METADATA
        answer = await self._ask(practice_ods, interaction, requested_by=requested_by)
        return _capability(answer.answer.body)

    async def _ask(
        self,
        practice_ods: str,
        interaction: Interaction,
        *,
        requested_by: Requester,
        encounter: Hashable = None,
        body: bytes = b"",
    ) -> ProxyAnswer:
        sds, proxy = self._spine.sds, self._spine.proxy
        sender = await sds.own_asid(requested_by.organisation.ods_code, interaction)
        ask = partial(
            proxy.call, interaction=interaction, sender=sender, requested_by=requested_by, body=body
        )
        practice = await sds.practice(practice_ods, interaction, encounter=encounter)
        try:
            return _accepted(await ask(practice))
        except DirectoryStale as error:
            _log.warning("directory_stale", practice_ods=practice_ods, detail=error.detail)
        practice = await sds.practice(practice_ods, interaction, encounter=encounter, fresh=True)
        return _accepted(await ask(practice))


def _accepted(call: ProxyAnswer) -> ProxyAnswer:
    answer = call.answer
    if answer.status != _OK:
        raise error_for(answer, body_sha256=_sha256(answer.body))
    # "application/fhir+json;charset=UTF-8" and every other spelling of the parameters.
    if answer.headers.get("content-type", "").partition(";")[0].strip().casefold() not in MEDIA_TYPES:
        raise ResponseInvalid(stage="provider", detail="content_type", body_sha256=_sha256(answer.body))
    return call


def _capability(body: bytes) -> Capability:
    try:
        statement = orjson.loads(body)
        kind = statement["resourceType"]
        capability = Capability(
            version=statement.get("version"),
            operations=tuple(
                operation["name"]
                for rest in statement.get("rest", [])
                for operation in rest.get("operation", [])
            ),
            retrieved_at=timestamp(),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        kind = None
    if kind != "CapabilityStatement":
        raise ResponseInvalid(
            stage="provider", detail="not_a_capability_statement", body_sha256=_sha256(body)
        )
    return capability


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
