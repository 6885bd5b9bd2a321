"""The GP Connect client: one patient's record from the practice that holds it."""

from collections.abc import Hashable, Mapping
from typing import Final

from bridge.contracts.requests import Patient, Requester
from bridge.errors import FailureCode, HeldBack, Refused, RequestFailed
from bridge.fhir.parameters import DayPeriod, Wanted
from bridge.gpconnect.answer import PracticeAnswer
from bridge.gpconnect.capability import Capability
from bridge.gpconnect.care_record import care_record_parameters, check_trace
from bridge.gpconnect.documents import Documents
from bridge.gpconnect.practice import PracticeClient
from bridge.gpconnect.practice_call import CapabilitiesSaid, PracticeCall
from bridge.gpconnect.structured import StructuredAnswer, structured_parameters
from bridge.record.sections import SectionCode
from bridge.spine import Spine
from bridge.spine.clock import timestamp
from bridge.spine.interactions import (
    CARE_RECORD,
    CARE_RECORD_METADATA,
    FOUNDATIONS_METADATA,
    STRUCTURED_METADATA,
    STRUCTURED_RECORD,
    Interaction,
)
from bridge.spine.pds import TracedPatient, verify, verify_practice
from bridge.spine.proxy import ProxyAnswer
from bridge.spine.ttl_cache import TtlCache

_SESSION_SECONDS: Final = 900.0
_REMEMBERED: Final = 1024
_DOCUMENTS_MAJOR: Final = "1"


class GpConnect:
    """Asks practices, as the person who asked us.

    Args:
        spine: the open Spine clients.
    """

    def __init__(self, spine: Spine) -> None:
        self._spine = spine
        self._capabilities: CapabilitiesSaid = {}
        self._documents_versions = TtlCache[str, str](_REMEMBERED)
        self._conformances = TtlCache[tuple[Hashable, str], Capability](_REMEMBERED)

    async def trace(
        self,
        patient: Patient,
        *,
        requested_by: Requester,
        practice_ods_code: str | None = None,
        request_key: str | None = None,
    ) -> TracedPatient:
        """Trace the patient on PDS and check the details that were sent.

        Args:
            patient: as the request names them.
            requested_by: the real user and organisation.
            practice_ods_code: the practice that the request names, if it names one.
            request_key: the same for every try of one request.

        Raises:
            Refused: not found, restricted, deceased or not registered; or the details or the practice
                are not those of PDS.
            Unavailable: PDS cannot answer now.
        """
        traced = await self._spine.pds.trace(
            patient.nhs_number, organisation=requested_by.organisation.ods_code, request_key=request_key
        )
        verify(patient, traced)
        verify_practice(practice_ods_code, traced)
        return traced

    async def structured_record(
        self,
        patient: TracedPatient,
        *,
        wanted: Wanted,
        requested_by: Requester,
        encounter_id: str | None = None,
    ) -> StructuredAnswer:
        """Ask the patient's practice for the areas wanted, in one call (CS-027).

        Args:
            patient: traced for this request: its practice is the one that is asked.
            wanted: the parameters of the areas wanted.
            requested_by: the real user and organisation.
            encounter_id: requests of one user in one encounter of one patient share directory look-ups.

        Raises:
            RequestRejected: the areas cannot be asked for together.
            Refused: the practice, the proxy, a directory or this installation says no.
            ResponseInvalid: the answer cannot be a record; `StructuredAnswer.bundle` raises it as well.
            Unavailable: no answer now.
        """
        body = structured_parameters(patient.nhs_number, wanted)
        encounter = _encounter(requested_by, patient.nhs_number, encounter_id)
        answer = await self._ask(
            patient.practice_ods, STRUCTURED_RECORD, requested_by=requested_by, encounter=encounter, body=body
        )
        return StructuredAnswer(
            body=answer.answer.body,
            retrieved_at=timestamp(),
            trace_id=answer.trace_id,
            practice_ods=patient.practice_ods,
            supplier_ods=answer.supplier_ods,
        )

    async def care_record_section(
        self,
        patient: TracedPatient,
        section: SectionCode,
        *,
        period: DayPeriod | None = None,
        requested_by: Requester,
        encounter_id: str | None = None,
    ) -> PracticeAnswer:
        """Ask the patient's practice for one section of the care record as it renders it (HT-010).

        Args:
            patient: traced within the last 24 hours: its practice is the one that is asked.
            section: which.
            period: only for a section that takes one.
            requested_by: the real user and organisation.
            encounter_id: as for a structured record; sections of one request share the look-up as well.

        Raises:
            RequestRejected: the period cannot be asked for; nothing was sent.
            Refused, ResponseInvalid, Unavailable: as for a structured record, and an old trace.
        """
        check_trace(patient)
        answer = await self._ask(
            patient.practice_ods,
            CARE_RECORD,
            requested_by=requested_by,
            encounter=_encounter(requested_by, patient.nhs_number, encounter_id),
            nhs_number=patient.nhs_number,
            body=care_record_parameters(patient.nhs_number, section, period),
        )
        return PracticeAnswer(answer.answer.body, timestamp(), answer.trace_id, patient.practice_ods)

    async def conformance(
        self, practice_ods: str, *, requested_by: Requester, encounter_id: str | None = None
    ) -> Capability:
        """Ask a practice what its care record system offers, once in an encounter (HT-027, HT-028).

        Args:
            practice_ods: the practice.
            requested_by: the real user and organisation.
            encounter_id: whose answer may be used again, for a quarter of an hour at most.

        Raises:
            Refused, ResponseInvalid, Unavailable: as for a record.
        """
        encounter = _encounter(requested_by, None, encounter_id)
        key = (encounter, practice_ods)
        known = None if encounter is None else self._conformances.get(key)
        if known is None:
            call = self._call(practice_ods, requested_by, encounter)
            known = await call.capability(CARE_RECORD_METADATA, "Conformance")
            if encounter is not None:
                self._conformances.put(key, known, _SESSION_SECONDS)
        return known

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
        return await self._call(practice_ods, requested_by, None).capability(interaction)

    def capabilities(self) -> Mapping[tuple[str, str], Capability]:
        """What practices last said they are, by practice and interaction."""
        return self._capabilities

    def at(
        self,
        practice_ods: str,
        *,
        requested_by: Requester,
        nhs_number: str | None = None,
        encounter_id: str | None = None,
    ) -> PracticeClient:
        """Foundations and Appointments of one practice, for one request.

        Args:
            practice_ods: the practice; nothing is asked of it yet.
            requested_by: the real user and organisation.
            nhs_number: whose encounter it is.
            encounter_id: requests of one user in one encounter of one patient share directory look-ups.
        """
        encounter = _encounter(requested_by, nhs_number, encounter_id)
        return PracticeClient(self._call(practice_ods, requested_by, encounter))

    def documents(
        self,
        practice_ods: str,
        *,
        requested_by: Requester,
        nhs_number: str | None = None,
        encounter_id: str | None = None,
    ) -> Documents:
        """The documents server of one practice, for one request; arguments are those of `at`."""
        encounter = _encounter(requested_by, nhs_number, encounter_id)
        return Documents(self._call(practice_ods, requested_by, encounter))

    async def documents_version(self, documents: Documents) -> str | None:
        """The version of Access Document that a practice declares, asked for once in a while (DO-018).

        Returns:
            None where it does not say, or cannot: nothing is refused for that alone.

        Raises:
            Refused: it is of another major version, of which nothing is known here (DO-017).
            HeldBack: the practice is not called now.
        """
        known = self._documents_versions.get(documents.practice_ods)
        if known is None:
            try:
                known = (await documents.capability()).version or ""
            except HeldBack:
                raise
            except RequestFailed:
                known = ""  # a statement that is broken says nothing about the documents
            self._documents_versions.put(documents.practice_ods, known, _SESSION_SECONDS)
        if known and known.partition(".")[0] != _DOCUMENTS_MAJOR:
            raise Refused(FailureCode.PRACTICE_NOT_ENABLED, stage="provider", detail="documents_version")
        return known or None

    async def _ask(
        self,
        practice_ods: str,
        interaction: Interaction,
        *,
        requested_by: Requester,
        encounter: Hashable = None,
        nhs_number: str | None = None,
        body: bytes = b"",
    ) -> ProxyAnswer:
        call = self._call(practice_ods, requested_by, encounter)
        return await call.ask(interaction, nhs_number=nhs_number, body=body)

    def _call(self, practice_ods: str, requested_by: Requester, encounter: Hashable) -> PracticeCall:
        return PracticeCall(self._spine, practice_ods, requested_by, encounter, self._capabilities)


def _encounter(requested_by: Requester, nhs_number: str | None, encounter_id: str | None) -> Hashable:
    """Whose look-ups may be shared: one user's in one encounter of one patient, or nobody's (SP-015)."""
    if encounter_id is None:
        return None
    return requested_by.organisation.ods_code, requested_by.user_id, nhs_number, encounter_id
