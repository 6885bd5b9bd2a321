"""One practice, as a request about one of its patients deals with it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Self, cast

from bridge.pipelines import Context, FailureCode, Refused
from bridge.pipelines.errors import AppointmentRefused, RequestFailed
from bridge.pipelines.events import AtPractice, RefusalReason, RefusedChoice
from bridge.pipelines.practice import (
    LONDON,
    JsonObject,
    LocalPatient,
    PracticeClient,
    ResourceId,
    StoredAppointment,
    TracedPatient,
    map_appointment,
)
from bridge.pipelines.records import Appointment, PracticePatient
from bridge.pipelines.requests import AppointmentRef, Offer
from bridge.pipelines.telemetry import record, stage
from pipelines.appointments.telemetry import NamesNotAvailable, ParticipantNotReadable


def reason_of(refusal: Refused) -> RefusalReason:
    """Why something was refused, for an event of its own.

    Raises:
        Refused: the refusal itself, when it has no reason but its code: the request fails.
    """
    if refusal.reason is None:
        raise refusal
    return cast("RefusalReason", refusal.reason)


@dataclass(frozen=True, slots=True)
class PracticeSession:
    """The practice that is asked about a traced patient.

    Attributes:
        gp: the request.
        practice: who is asked.
        traced: the patient, by PDS.
        header: stands at the top of every event.
    """

    gp: Context
    practice: PracticeClient
    traced: TracedPatient
    header: AtPractice
    _named: dict[ResourceId, JsonObject | None] = field(default_factory=dict)

    @classmethod
    async def of(cls, gp: Context, practice_ods_code: str | None = None) -> Self:
        """Trace the patient, which refuses restricted ones, and turn to a practice (AP-104, FN-035).

        Args:
            gp: the request.
            practice_ods_code: any practice of the site's federation (AP-100); None: where PDS says that the
                patient is registered.
        """
        traced = await gp.trace()
        practice = gp.practice(practice_ods_code or traced.practice_ods)
        header: AtPractice = {
            "schema_version": "1.0",
            "nhs_number": traced.nhs_number,
            "patient_key": gp.patient_key(traced),
            "practice_ods_code": practice.practice_ods,
        }
        if traced.superseded is not None:
            header["superseded_nhs_number"] = traced.superseded
        return cls(gp, practice, traced, header)

    def elsewhere(self, practice_ods_code: str) -> "PracticeSession":
        """The same patient at another practice, where everything has other ids."""
        if practice_ods_code == self.practice.practice_ods:
            return self
        header: AtPractice = {**self.header, "practice_ods_code": practice_ods_code}
        return PracticeSession(self.gp, self.gp.practice(practice_ods_code), self.traced, header)

    def check_offers(self, choices: Iterable[Iterable[Offer]]) -> list[RefusedChoice]:
        """Of these choices, the first that may not be booked for this patient, before anything is sent."""
        objections = (
            (number, self.gp.check_offer(offer, self.traced))
            for number, choice in enumerate(choices, start=1)
            for offer in choice
        )
        refused = ((number, reason) for number, reason in objections if reason is not None)
        return [{"choice": number, "reason": reason} for number, reason in islice(refused, 1)]

    async def find_patient(self) -> LocalPatient | None:
        """The patient here, if this practice has them as an active one (AP-032, FN-005)."""
        return await self.practice.find_patient(self.traced.nhs_number)

    async def patient(self) -> LocalPatient:
        """The patient here.

        Raises:
            Refused: ``patient_unknown``: not an active one, or the practice may not say so.
        """
        found = await self.find_patient()
        if found is None:
            raise Refused(FailureCode.PATIENT_NOT_FOUND, stage="provider", reason="patient_unknown")
        return found

    async def appointment(self, ref: AppointmentRef) -> StoredAppointment:
        """An appointment of this patient, as it is now (AP-070, AP-080).

        Raises:
            Refused: ``patient_unknown``; ``not_found``: no such appointment on that day; ``past``.
        """
        patient = await self.patient()
        day = ref.start.astimezone(LONDON).date()
        wanted = self.practice.id("Appointment", ref.appointment_id)
        for stored in (await self.practice.patient_appointments(patient.id, day, day)).found:
            if stored.id == wanted:
                return stored
        raise AppointmentRefused("not_found")

    async def people_and_places(self, appointments: Iterable[StoredAppointment]) -> list[JsonObject]:
        """Whom these appointments are with and where: practices do not include them (AP-097).

        Each is read once in a request. What the practice does not know is left out.
        """
        wanted = {
            actor
            for stored in appointments
            for actor in (*stored.participants("Location"), *stored.participants("Practitioner"))
        }
        for actor in sorted(wanted - self._named.keys(), key=lambda each: each.reference):
            read = (
                self.practice.read_location if actor.kind == "Location" else self.practice.read_practitioner
            )
            try:
                self._named[actor] = (await read(actor)).resource
            except Refused as refusal:
                record(ParticipantNotReadable(actor.kind, refusal.code.value))
                self._named[actor] = None
        return [found for actor in wanted if (found := self._named[actor]) is not None]

    async def shown(self, stored: StoredAppointment) -> Appointment:
        """An appointment that was just changed, with names if they can be had: they are no reason to fail."""
        try:
            context = await self.people_and_places([stored])
        except RequestFailed as failure:
            record(NamesNotAvailable(failure.code.value))
            context = []
        with stage("map"):
            return map_appointment(
                stored.resource,
                practice_ods_code=self.practice.practice_ods,
                retrieved_at=stored.retrieved_at,
                context=context,
                issues=stored.issues,
            )

    def as_known(self, patient: LocalPatient) -> PracticePatient:
        """The patient as this practice knows them, held against the request and PDS (FN-036)."""
        return self.gp.map_patient(patient, self.traced)
