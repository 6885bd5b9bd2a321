"""A practice, or a national service, fails in the middle of a whole worker's requests."""

import pytest

from bridge.sandbox import FaultKind, InjectedFault
from tests.faults.installation import until

ALWAYS, ONCE = None, 1
HASTY = {"BRIDGE_SPINE_READ_TIMEOUT": "0.5"}


async def test_an_answer_after_the_time_out_is_not_waited_for(any_broker, installed, outages):
    async with installed(any_broker, settings=HASTY) as site, site.worker():
        site.fault("no_known_allergies", InjectedFault(FaultKind.DELAY, delay=1.0, times=ONCE))
        site.fault("rich_record", InjectedFault(FaultKind.DELAY, delay=1.0, times=ALWAYS))
        ids = await site.epr.ask("no_known_allergies", "rich_record")
        await site.epr.over(ids)
        ends = await site.accounts(ids)
        assert site.asked_of_practices("no_known_allergies") == 2
        assert site.asked_of_practices("rich_record") == 4, "at most three automated retries"
    outages.saw("practice_late", on=any_broker.title, ends=ends)


@pytest.mark.duty("SP-037")
async def test_an_answer_that_was_dropped_is_asked_for_once_more(any_broker, installed, outages):
    async with installed(any_broker) as site, site.worker():
        # One practice closes the connection to the proxy, which says so; one answer is lost behind the proxy.
        site.fault("no_known_allergies", InjectedFault(FaultKind.DROP, at="practice", times=ONCE))
        site.fault("rich_record", InjectedFault(FaultKind.DROP, at="proxy", times=ONCE))
        ids = await site.epr.ask("no_known_allergies", "rich_record")
        await site.epr.over(ids)
        ends = await site.accounts(ids)
        assert site.asked_of_practices("no_known_allergies") == 2, "the work was done, and its answer dropped"
        assert site.asked_of_practices("rich_record") == 2
    outages.saw("answer_dropped", on=any_broker.title, ends=ends)


async def test_a_practice_that_is_away_fails_visibly_and_alone(any_broker, installed, outages):
    settings = {"BRIDGE_SPINE_CIRCUIT_PAUSE": "1"}
    async with installed(any_broker, settings=settings) as site, site.worker():
        site.sandbox.fault("A99001", InjectedFault(FaultKind.STATUS, status=503))
        # Several requests: one that fails again and again closes nothing for the others.
        ids = await site.epr.ask(*["no_known_allergies"] * 6, "inherited_fields")
        await site.epr.over(ids)
        assert site.epr.ends(ids[6:]) == {"completed": 1}, "another practice's patient"
        site.sandbox.clear_faults("A99001")
        ids += await until_it_is_called_again(site)
        ends = await site.accounts(ids)
    outages.saw("practice_away", on=any_broker.title, ends=ends)


async def until_it_is_called_again(site):
    """Ask once the circuit lets a call through."""
    later = await site.epr.ask("rich_record")
    await site.epr.over(later)
    return later


async def test_a_national_service_that_is_away_holds_requests_back(any_broker, installed, outages):
    async with installed(any_broker) as site, site.worker():
        site.sandbox.fault("*", InjectedFault(FaultKind.STATUS, at="pds", status=503))
        ids = await site.epr.ask("no_known_allergies")
        await until(lambda: outages.logged("retry_due"))
        site.sandbox.clear_faults("*")
        await site.epr.over(ids)
        ends = await site.accounts(ids)
    outages.saw("service_away", on=any_broker.title, ends=ends)
