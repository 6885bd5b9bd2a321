"""A worker stands still (SIGSTOP) after it wrote a booking down, while what it needs to send it is on its way."""

import asyncio
import signal
from collections import Counter
from contextlib import ExitStack

import pytest

from bridge.ledger import request_key
from bridge.operations.site import open_stores
from bridge.sandbox import MAIN, InjectedFault
from tests.faults.installation import until
from tests.support.hospital import hospital_on
from tests.support.postgres import fresh_database
from tests.support.processes import worker
from tests.support.reception import Reception, example, routing_key
from tests.support.tcp_proxy import TcpProxy

PIPELINE = "appointments"
ONLY = ("--pipeline", PIPELINE)
SETTINGS = {"BRIDGE_RETRY_ATTEMPTS": "0", "BRIDGE_RETRY_SETTLE_AFTER": "0.5"}
LOOK_UP = 4.0
"""Seconds that the directory takes to say where the practice is: a booking is written down before."""


@pytest.fixture
def database(postgres_node):
    with fresh_database(postgres_node.url) as url:
        yield url


@pytest.mark.duty("AP-042")
async def test_a_worker_that_wakes_up_books_nothing_any_more(
    any_broker, installed, outages, database, tmp_path
):
    settings = SETTINGS | {"BRIDGE_LEDGER_URL": database}
    async with (
        installed(any_broker, settings=settings, patients=20) as site,
        hospital_on(site.bus) as hospital,
        TcpProxy(any_broker.node.url) as link,
    ):
        reception = Reception(hospital)
        patient = next(one.nhs_number for one in site.sandbox.crowd if one.practice_ods == MAIN.ods)
        log = tmp_path / "frozen.log"
        environment = site.environment | {"BRIDGE_BUS_URL": link.url}
        with ExitStack() as stack:
            # Forked, as the commands below are: loading everything once more takes half a minute on a slow machine.
            starting = worker(environment, output=log, arguments=ONLY)
            # In a thread: the link to its broker is served by this one.
            frozen = await asyncio.to_thread(stack.enter_context, starting)
            outages.reads(log)
            offer = (await reception.free_slots(patient))[0]["offer"]
            request = example("appointment.requested", patient={"nhs_number": patient}, choices=[[offer]])
            request["correlationid"] = "c-1"
            site.sandbox.fault(MAIN.ods, InjectedFault(at="sds", delay=LOOK_UP))
            await reception.send(request)
            async with open_stores(site.settings) as stores:
                await until(lambda: is_written_down(stores.ledger, request))
            frozen.process.send_signal(signal.SIGSTOP)
            link.cut()  # as the broker does by itself once the signs of life have been missing for 30 s to 45 s
            try:
                site.sandbox.clear_faults()
                async with site.worker(pipeline=PIPELINE):
                    await hospital.ask(request, key=routing_key(request), message_id="asked-again")
                    kind, data = await reception.outcome("c-1")
                    assert (kind, data["reason"]) == ("appointment.refused.v1", "not_done")
                    frozen.process.send_signal(signal.SIGCONT)
                    await asyncio.to_thread(frozen.wait_for, "lease_lost")
                    await until(site.is_quiet)
            finally:
                frozen.process.send_signal(signal.SIGCONT)
        book = site.sandbox.diary(MAIN.ods).appointments()
        assert not [one for one in book if one.nhs_number == patient], "what was told as not done is not done"
        assert {kind for kind, _ in hospital.events("c-1")} == {"appointment.refused.v1"}
        await site.command("ledger", "balance", "--pipeline", PIPELINE, "--json")
        await site.command("audit", "verify")
        outages.did("appointment.refused")
    outages.saw("worker_frozen", on=any_broker.title, ends=Counter({"refused (`not_done`), never booked": 1}))


async def is_written_down(ledger, request):
    """Whether the request has an intent that is open."""
    history = await ledger.oversight.request_history(request_key(request["source"], request["id"]))
    return history is not None and any(intent.verdict is None for intent in history.intents)
