"""A hospital's receptionist at a practice of the sandbox: the client, and the practice's own books beside it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.contracts.appointments import Offer
from bridge.contracts.requests import Organisation, Requester
from bridge.gpconnect import GpConnect, PracticeBooking, PracticeClient, ResourceId, Window
from bridge.mapping import SlotSearch, map_slots
from bridge.record.appointments import FreeSlots
from bridge.sandbox import BY_NAME, HOSPITAL, RunningSandbox
from bridge.sandbox.appointments.diary import Diary
from bridge.sandbox.appointments.entries import DiaryAppointment
from bridge.spine import Spine
from bridge.spine.clock import timestamp
from tests.support.requests import record_request

MAIN, JOINS_TEXT = "A99001", "A99002"
PATIENT = BY_NAME["rich_record"].nhs_number
OF_JOINS_TEXT = BY_NAME["inherited_fields"].nhs_number


def requester(ods: str = HOSPITAL.ods) -> Requester:
    organisation = {"ods_code": ods, "name": "Sandbox General Hospital"}
    return Requester.model_validate(record_request()["requested_by"] | {"organisation": organisation})


class Reception:
    """Asks one practice, and looks into its appointment book afterwards."""

    def __init__(self, sandbox: RunningSandbox, spine: Spine) -> None:
        self.sandbox = sandbox
        self.spine = spine

    def practice(self, ods: str = MAIN, *, by: str = HOSPITAL.ods, **more: Any) -> PracticeClient:
        return GpConnect(self.spine).at(ods, requested_by=requester(by), **more)

    def diary(self, ods: str = MAIN) -> Diary:
        return self.sandbox.diary(ods)

    def booked(self, ods: str = MAIN, nhs_number: str = PATIENT) -> list[DiaryAppointment]:
        found = self.diary(ods).appointments()
        return [each for each in found if each.nhs_number == nhs_number and each.status == "booked"]

    async def patient(self, ods: str = MAIN, nhs_number: str = PATIENT) -> ResourceId:
        found = await self.practice(ods).find_patient(nhs_number)
        assert found is not None
        return found.id

    async def free(self, ods: str = MAIN, *, days: int = 4, by: str = HOSPITAL.ods, **more: Any) -> FreeSlots:
        window = Window(tomorrow(), tomorrow() + timedelta(days=days))
        answers = await self.practice(ods, by=by).search_slots(window, **more)
        search = SlotSearch(
            practice_ods_code=ods,
            window_start=window.start.isoformat(),
            window_end=window.end.isoformat(),
            retrieved_at=timestamp(),
            organisation_type=more.get("organisation_type"),
        )
        return map_slots((answer.parsed() for answer in answers), search)

    async def offers(self, ods: str = MAIN, **more: Any) -> list[Offer]:
        found = await self.free(ods, **more)
        return [Offer.model_validate(slot["offer"]) for slot in found["slots"]]

    async def booking(self, ods: str = MAIN, nhs_number: str = PATIENT, **changes: Any) -> PracticeBooking:
        slots = changes.pop("slots", None) or ((await self.offers(ods))[0],)
        fields: dict[str, Any] = {
            "patient": await self.patient(ods, nhs_number),
            "slots": tuple(slots),
            "organisation": Organisation(ods_code=HOSPITAL.ods, name="Sandbox General Hospital"),
            "organisation_phone": "0113 496 0001",
            "created": datetime(2026, 11, 22, 9, 30, 15, 250_000, tzinfo=UTC),
            "description": "Wound check",
        }
        return PracticeBooking(**(fields | changes))

    def calls(self, operation: str) -> int:
        """How often the practice saw an operation."""
        return sum(str(call.interaction).endswith(operation) for call in self.sandbox.calls.of("practice"))


def tomorrow() -> datetime:
    """When whole days begin: what is left of this one depends on the hour at which a test runs."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def adjacent(offers: Sequence[Offer]) -> Iterator[tuple[Offer, Offer]]:
    """Pairs that can be booked together."""
    by_start = {(offer.schedule_id, offer.start): offer for offer in offers}
    for offer in offers:
        following = by_start.get((offer.schedule_id, offer.end))
        if following and (following.delivery_channel, following.service_type) == (
            offer.delivery_channel,
            offer.service_type,
        ):
            yield offer, following
