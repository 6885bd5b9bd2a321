"""Whatever is done in whatever order, what the client was told is what stands in the practice's book.

A model of the appointments and of the slots that are free, kept from what the client returns and raises alone,
is compared with the client's own listing and search and with the sandbox's diary after each step.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bridge.contracts.appointments import Offer
from bridge.errors import AppointmentRefused, Unavailable
from bridge.gpconnect import PracticeBooking, PracticeClient, ResourceId, StoredAppointment, Window
from bridge.gpconnect.windows import LONDON
from bridge.mapping import SlotSearch, map_slots
from bridge.sandbox import FaultKind, InjectedFault, SandboxOptions, running
from bridge.settings import Settings
from bridge.spine import Spine
from tests.fuzz.effort import fuzz
from tests.integration.gpconnect.reception import (
    JOINS_TEXT,
    MAIN,
    OF_JOINS_TEXT,
    PATIENT,
    Reception,
    requester,
)

T = TypeVar("T")
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).astimezone(LONDON).date()
WRITES = ("book", "amend", "cancel")
LOST = {
    "kept": None,
    "done": InjectedFault(FaultKind.DROP, on=WRITES, times=1),
    "not done": InjectedFault(FaultKind.RESET, on=WRITES, times=1),
}
lost = st.sampled_from(sorted(LOST))
which = st.integers(min_value=0, max_value=50)
words = st.sampled_from(["Wound check", "Blood test", "Follow-up after discharge"])


@dataclass
class Receptionist:
    """A sandbox and a receptionist in an event loop of their own thread, asked step by step by the machine."""

    loop: asyncio.AbstractEventLoop
    reception: Reception

    def run(self, step: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(step, self.loop).result()


@pytest.fixture(scope="module")
def receptionist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receptionist]:
    folder = tmp_path_factory.mktemp("model")
    loop, stack = asyncio.new_event_loop(), AsyncExitStack()

    async def open_all() -> Reception:
        sandbox = await stack.enter_async_context(running(SandboxOptions(state_dir=folder)))
        own = {
            "BRIDGE_STATE_DIR": str(folder),
            "BRIDGE_SPINE_CIRCUIT_FAILURES": "1000000",
            "BRIDGE_SPINE_PRACTICE_PATIENCE": "3600",
        }
        site = Settings.load(environ=sandbox.environment | own)
        return Reception(sandbox, await stack.enter_async_context(Spine.open(site)))

    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        yield Receptionist(loop, asyncio.run_coroutine_threadsafe(open_all(), loop).result())
    finally:
        asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@dataclass
class Known:
    """An appointment as the model has it, and all that was ever read of it, the last one current."""

    slots: frozenset[str]
    texts: tuple[str, str | None]
    read: list[StoredAppointment]
    status: str = "booked"
    is_touched: bool = False


class AppointmentsMachine(RuleBasedStateMachine):
    """See the module."""

    receptionist: Receptionist
    ods: str
    number: str

    def __init__(self) -> None:
        super().__init__()
        reception = self.receptionist.reception
        reception.sandbox.reset()
        self.client: PracticeClient = reception.practice(self.ods)
        self.patient: ResourceId = self.receptionist.run(reception.patient(self.ods, self.number))
        self.offers: list[Offer] = self.receptionist.run(self._search())
        self.free = {f"Slot/{offer.slot_id}" for offer in self.offers}
        self.known: dict[ResourceId, Known] = {}
        self.asked = 0

    async def _search(self) -> list[Offer]:
        window = Window.of(TOMORROW, TOMORROW)
        (answer,) = await self.client.search_slots(window)
        search = SlotSearch(
            practice_ods_code=self.ods,
            window_start=window.start.isoformat(),
            window_end=window.end.isoformat(),
            retrieved_at=answer.retrieved_at,
        )
        found = map_slots([answer.parsed()], search)
        return [Offer.model_validate(slot["offer"]) for slot in found["slots"]]

    def _lose(self, how: str) -> bool:
        """Switch a fault on; whether the next answer is lost."""
        fault = LOST[how]
        if fault is not None:
            self.receptionist.reception.sandbox.fault(self.ods, fault)
        return fault is not None

    def _booked(self, index: int) -> Known:
        return list(self.known.values())[index % len(self.known)]

    @rule(index=which, both=st.booleans(), description=words, comment=st.none() | words, how=lost)
    def book(self, index: int, both: bool, description: str, comment: str | None, how: str) -> None:
        first = self.offers[index % len(self.offers)]
        later = next((each for each in self.offers if _follows(first, each)), None) if both else None
        slots = (first,) if later is None else (first, later)
        booking = self._booking(slots, description, comment)
        if not booking.slot_references <= self.free:
            with pytest.raises(AppointmentRefused) as refused:
                self.receptionist.run(self.client.book(booking))
            assert refused.value.reason == "taken"
            return
        stored: StoredAppointment | None
        if self._lose(how):
            with pytest.raises(Unavailable):
                self.receptionist.run(self.client.book(booking))
            stored = self.receptionist.run(self.client.find_booking(booking))
            assert (stored is not None) == (how == "done")
            assert self.receptionist.run(self.client.is_still_free(booking)) == (how != "done")
        else:
            stored = self.receptionist.run(self.client.book(booking))
        if stored is not None:
            self.free -= booking.slot_references
            self.known[stored.id] = Known(booking.slot_references, (description, comment), [stored])

    def _booking(self, slots: tuple[Offer, ...], description: str, comment: str | None) -> PracticeBooking:
        self.asked += 1
        return PracticeBooking(
            patient=self.patient,
            slots=slots,
            organisation=requester().organisation,
            organisation_phone="0113 496 0001",
            created=datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=self.asked),
            description=description,
            comment=comment,
        )

    @precondition(lambda self: self.known)
    @rule(index=which, back=st.integers(0, 1), description=words, how=lost)
    def amend(self, index: int, back: int, description: str, how: str) -> None:
        known = self._booked(index)
        before = known.read[-1 - back % len(known.read)]
        if (reason := self._objection(known, before)) is not None:
            with pytest.raises(AppointmentRefused) as refused:
                self.receptionist.run(self.client.amend(before, description=description))
            assert refused.value.reason in reason
            return
        settle = self.client.settle_amend(before, description=description)
        if (
            stored := self._change(self.client.amend(before, description=description), settle, how)
        ) is not None:
            known.read.append(stored)
            known.texts = (description, known.texts[1] if before.comment else None)

    @precondition(lambda self: self.known)
    @rule(index=which, back=st.integers(0, 1), how=lost)
    def cancel(self, index: int, back: int, how: str) -> None:
        known = self._booked(index)
        before = known.read[-1 - back % len(known.read)]
        if (reason := self._objection(known, before)) is not None:
            with pytest.raises(AppointmentRefused) as refused:
                self.receptionist.run(self.client.cancel(before, reason="Not needed"))
            assert refused.value.reason in reason
            return
        settle = self.client.settle_cancel(before)
        if (stored := self._change(self.client.cancel(before, reason="Not needed"), settle, how)) is not None:
            known.read.append(stored)
            known.status = "cancelled"
            self.free |= known.slots

    def _objection(self, known: Known, before: StoredAppointment) -> set[str] | None:
        """Why a change from this state must be refused; None when it must not."""
        if before.status == "cancelled":
            return {"already_cancelled"}
        if known.status == "cancelled":
            return {"version_conflict", "invalid"}  # some practices look at the state first
        is_stale = known.is_touched or before.version != known.read[-1].version
        return {"version_conflict"} if is_stale else None

    def _change(
        self,
        change: Coroutine[Any, Any, StoredAppointment],
        settle: Coroutine[Any, Any, StoredAppointment | None],
        how: str,
    ) -> StoredAppointment | None:
        if not self._lose(how):
            settle.close()
            return self.receptionist.run(change)
        with pytest.raises(Unavailable):
            self.receptionist.run(change)
        return self.receptionist.run(settle)

    @rule(index=which)
    def staff_take(self, index: int) -> None:
        slot_id = self.offers[index % len(self.offers)].slot_id
        self.receptionist.reception.diary(self.ods).staff_take(slot_id)
        self.free.discard(f"Slot/{slot_id}")

    @precondition(lambda self: self.known)
    @rule(index=which)
    def staff_touch(self, index: int) -> None:
        known = self._booked(index)
        self.receptionist.reception.diary(self.ods).staff_touch(known.read[0].id.id)
        known.is_touched = True

    @precondition(lambda self: self.known)
    @rule(index=which)
    def read_again(self, index: int) -> None:
        known = self._booked(index)
        stored = self.receptionist.run(self.client.read_appointment(known.read[0].id, patient=self.patient))
        known.read.append(stored)
        known.is_touched = False

    @invariant()
    def the_listing_and_the_book_are_the_model(self) -> None:
        last = TOMORROW + timedelta(days=1)
        listed = self.receptionist.run(self.client.patient_appointments(self.patient, TOMORROW, last)).found
        ours = {each.id: each for each in listed if each.booked_by == "RZZ01"}
        assert ours.keys() == self.known.keys()
        book = self.receptionist.reception.diary(self.ods)
        for known_id, known in self.known.items():
            assert (ours[known_id].status, ours[known_id].slots) == (known.status, known.slots)
            held = " ".join(text for text in (ours[known_id].description, ours[known_id].comment) if text)
            assert held == " ".join(text for text in known.texts if text)
            entry = book.appointment(known_id.id)
            assert entry.status == known.status
            assert {f"Slot/{slot.id}" for slot in entry.slots} == known.slots

    @invariant()
    def what_is_free_is_free(self) -> None:
        found = {f"Slot/{offer.slot_id}" for offer in self.receptionist.run(self._search())}
        assert found == self.free


def _follows(first: Offer, other: Offer) -> bool:
    alike = ("schedule_id", "delivery_channel", "service_type")
    return first.end == other.start and all(getattr(first, each) == getattr(other, each) for each in alike)


@pytest.mark.duty("AP-031", "AP-033", "AP-074", "AP-085")
@pytest.mark.parametrize(("ods", "number"), [(MAIN, PATIENT), (JOINS_TEXT, OF_JOINS_TEXT)])
def test_the_client_and_the_book_agree_after_any_steps(receptionist: Receptionist, ods: str, number: str):
    machine = type(
        "Machine", (AppointmentsMachine,), {"receptionist": receptionist, "ods": ods, "number": number}
    )
    run_state_machine_as_test(machine, settings=settings(fuzz(8), stateful_step_count=15))
