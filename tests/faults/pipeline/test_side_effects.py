"""The answer to a booking is lost: the practice's own book says what was done, and it was done once."""

from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from bridge.sandbox import MAIN, FaultKind, InjectedFault
from tests.faults.installation import Installation, until
from tests.support.hospital import hospital_on
from tests.support.reception import Reception, example

PIPELINE = "appointments"
SETTINGS = {
    "BRIDGE_RETRY_FIRST_DELAY": "0.2",
    "BRIDGE_RETRY_MAX_DELAY": "0.5",
    "BRIDGE_RETRY_SETTLE_AFTER": "0.5",
    "BRIDGE_SPINE_CIRCUIT_FAILURES": "1000",
}


@dataclass(frozen=True)
class WantedBooking:
    """A reception with a patient who wants an appointment, and the request for it."""

    site: Installation
    reception: Reception
    patient: str
    request: dict

    def fault(self, fault):
        self.site.sandbox.fault(self.patient, fault)

    async def ends(self):
        """How the request ended, as a count of one; the practice's book must say that it was done once."""
        kind, data = await self.reception.outcome(self.request["id"])
        assert kind == "appointment.booked.v1", data
        book = self.site.sandbox.diary(MAIN.ods).appointments()
        (appointment,) = (one for one in book if one.nhs_number == self.patient)
        assert [change.action for change in appointment.history] == ["booked"]
        await self.site.command("ledger", "balance", "--pipeline", PIPELINE, "--json")
        await self.site.command("audit", "verify")
        return Counter({"booked, once": 1})


@pytest.fixture
def wanted(installed):
    @asynccontextmanager
    async def opening(any_broker):
        async with (
            installed(any_broker, settings=SETTINGS, patients=20, proxy_timeout=2.0) as site,
            hospital_on(site.bus) as hospital,
            site.worker(pipeline=PIPELINE),
        ):
            crowd = site.sandbox.crowd
            patient = next(one.nhs_number for one in crowd if one.practice_ods == MAIN.ods)
            reception = Reception(hospital)
            offer = (await reception.free_slots(patient))[0]["offer"]
            request = example("appointment.requested", patient={"nhs_number": patient}, choices=[[offer]])
            yield WantedBooking(site, reception, patient, request)

    return opening


@pytest.mark.duty("AP-042", "AP-043")
async def test_a_booking_whose_answer_is_lost_is_settled(any_broker, wanted, outages):
    async with wanted(any_broker) as at:
        at.fault(InjectedFault(FaultKind.DROP, times=1, on=("book",)))
        await at.reception.send(at.request)
        ends = await at.ends()
    outages.saw("booking_lost", on=any_broker.title, ends=ends)


async def test_a_booking_that_nobody_can_tell_of_is_in_doubt_until_the_practice_tells(
    any_broker, wanted, outages
):
    async with wanted(any_broker) as at:
        at.fault(InjectedFault(FaultKind.DROP, on=("book",)))
        silent = ("patient_appointments", "read_appointment")
        at.fault(InjectedFault(FaultKind.STATUS, at="proxy", status=503, on=silent))
        await at.reception.send(at.request)
        await until(lambda: at.reception.hospital.events(at.request["id"]))
        ((doubt, _),) = at.reception.hospital.events(at.request["id"])
        outages.did(doubt.removesuffix(".v1"))
        await at.site.command("ledger", "show", at.request["id"])
        outages.did("bridge ledger show")
        at.site.sandbox.clear_faults(at.patient)
        ends = await at.ends()
    outages.saw("booking_in_doubt", on=any_broker.title, ends=ends)
