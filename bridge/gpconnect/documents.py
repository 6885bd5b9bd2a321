"""Access Document: what documents a practice holds of a patient, and each of them, whole.

It has a service root and a patient index of its own: ids that it gives out are worth nothing anywhere else,
so none of them leaves this module (DO-005), and an address in a record is only ever called through it.

Source: Access Document 1.6.2.
"""

from collections.abc import Iterator
from dataclasses import field
from datetime import date
from typing import Final

from bridge.errors import FailureCode, Refused, RequestFailed
from bridge.fhir import systems
from bridge.gpconnect.answer import PracticeAnswer
from bridge.gpconnect.capability import Capability
from bridge.gpconnect.errors import provider_code
from bridge.gpconnect.foundations import one_patient
from bridge.gpconnect.practice_call import PracticeCall
from bridge.record.logical_id import is_logical_id
from bridge.spine.clock import timestamp
from bridge.spine.http import Answer, Receiver
from bridge.spine.interactions import (
    DOCUMENTS_METADATA,
    FIND_DOCUMENTS_PATIENT,
    RETRIEVE_DOCUMENT,
    SEARCH_DOCUMENTS,
)
from bridge.spine.proxy import ProxyAnswer, join
from bridge.values import dataclass

INCLUDES: Final = (
    ("_include", "DocumentReference:subject:Patient"),
    ("_include", "DocumentReference:custodian:Organization"),
    ("_include", "DocumentReference:author:Organization"),
    ("_include", "DocumentReference:author:Practitioner"),
    ("_revinclude:recurse", "PractitionerRole:practitioner"),
)
"""The practice refuses a search that lacks one of them (DO-007, DO-008)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSearch:
    """What a search is narrowed by; nothing is everything (DO-009).

    Attributes:
        start, end: whole days, both included, of creation, or of filing where that is not known.
        author_ods: the organisation that wrote it: nobody else can be searched for (DO-013).
        words: a word of the title or the type.
    """

    start: date | None = None
    end: date | None = None
    author_ods: str | None = None
    words: str | None = None

    def parameters(self) -> Iterator[tuple[str, str]]:
        """Names and values of the query: at most one lower and one upper bound (DO-010 to DO-012)."""
        yield from INCLUDES
        if self.start is not None:
            yield "created", f"ge{self.start.isoformat()}"
        if self.end is not None:
            yield "created", f"le{self.end.isoformat()}"
        if self.author_ods is not None:
            yield "author", f"{systems.ODS_ORGANISATION}|{self.author_ods}"
        if self.words is not None:
            yield "description", self.words


@dataclass(frozen=True)
class Documents:
    """The documents server of one practice, for one request.

    Every method raises `Refused`, `ResponseInvalid` and `Unavailable` as `PracticeCall.ask` does.
    """

    _call: PracticeCall = field(repr=False)

    @property
    def practice_ods(self) -> str:
        """The practice that is asked."""
        return self._call.practice_ods

    async def capability(self) -> Capability:
        """What the practice's documents server offers, and in which version (DO-017)."""
        return await self._call.capability(DOCUMENTS_METADATA)

    async def search(self, nhs_number: str, wanted: DocumentSearch) -> PracticeAnswer:
        """The documents of a patient, with everybody they name.

        Args:
            nhs_number: traced on PDS (DO-002).
            wanted: what it is narrowed by.

        Raises:
            Refused: ``patient_not_found``: the practice has nobody with this number of whom it would give
                documents out (DO-026).
            ResponseInvalid: the answer is about another patient, or about several.
        """
        query = [("identifier", f"{systems.NHS_NUMBER}|{nhs_number}")]
        target = FIND_DOCUMENTS_PATIENT.target(query=query)
        found = (await self._call.ask(FIND_DOCUMENTS_PATIENT, target=target)).answer
        patient = one_patient(found, nhs_number, self.practice_ods)
        if patient is None:
            raise Refused(FailureCode.PATIENT_NOT_FOUND, stage="provider", detail="no_match")
        target = SEARCH_DOCUMENTS.target(patient.id.id, wanted.parameters())
        answer = await self._call.ask(SEARCH_DOCUMENTS, target=target)
        return PracticeAnswer(answer.answer.body, timestamp(), answer.trace_id, self.practice_ods)

    async def retrieve(self, location: str, receiver: Receiver) -> ProxyAnswer:
        """One document, whole, as a Binary in JSON.

        Args:
            location: its address, as a record or a search has it. It is compared with what the directory
                says, and never called as it is.
            receiver: takes the Binary as it comes.

        Raises:
            Refused: ``resource_not_found``: the address is none of this practice's documents server, and
                nothing was asked; or the practice has no such document, or it is too large to be sent.
        """
        root = (await self._call.endpoint(RETRIEVE_DOCUMENT)).service_root
        logical_id = location.removeprefix(join(root, "Binary/"))
        if logical_id == location or not is_logical_id(logical_id):
            detail = "location_outside_documents_root"
            raise Refused(FailureCode.RESOURCE_NOT_FOUND, stage="request", detail=detail)
        target = RETRIEVE_DOCUMENT.target(logical_id)
        return await self._call.ask(RETRIEVE_DOCUMENT, target=target, error=_not_found, receiver=receiver)


def _not_found(answer: Answer) -> RequestFailed | None:
    """Of a document it says that this one is not to be had, and nothing of the patient."""
    if (code := provider_code(answer)) == "NO_RECORD_FOUND":
        return Refused(FailureCode.RESOURCE_NOT_FOUND, stage="provider", detail=f"code={code}")
    return None
