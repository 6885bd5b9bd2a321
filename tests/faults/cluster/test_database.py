"""The database fails over to its standby while requests flow: 0 lost, 0 twice, 0 stuck."""

import asyncio
from urllib.parse import urlsplit

import pytest

from tests.faults.cluster.conftest import Flow, flowing
from tests.support.clusters import listed
from tests.support.postgres import PostgresNode, fresh_database
from tests.support.tcp_proxy import TcpProxy

pytestmark = [pytest.mark.timeout(600), pytest.mark.nats]


@pytest.fixture
def primary():
    node = PostgresNode()
    node.start()
    yield node
    node.close()


@pytest.fixture
def database(primary):
    """The name of one, made before there is a standby."""
    with fresh_database(primary.url, is_kept=True) as url:
        yield urlsplit(url).path[1:]


@pytest.fixture
def standby(primary, database):
    node = PostgresNode(standby_of=primary)
    node.start()
    primary.replicate()
    yield node
    node.close()


def settings_of(database, *servers):
    return {"BRIDGE_LEDGER_URL": listed(servers).replace("/postgres", f"/{database}")}


async def test_the_primary_is_killed_and_its_standby_promoted(
    primary, standby, database, nats, installed, outages
):
    settings = settings_of(database, primary.url, standby.url)
    async with (
        installed(nats, settings=settings, scenario_faults=True) as site,
        site.worker(),
        flowing(flow := Flow(site, {}), []),
    ):
        await flow.answered(10)
        await asyncio.to_thread(primary.kill)
        await asyncio.sleep(2)
        await asyncio.to_thread(standby.promote)
        await flow.answered(10)
        ends = await flow.over()
    outages.saw("database_failover", on="PostgreSQL", ends=ends, stopped=flow.longest_pause)


async def test_the_primary_falls_silent_and_its_standby_is_promoted(
    primary, standby, database, nats, installed, outages
):
    """As a machine that loses its power: what is open to it says nothing any more, and is never closed."""
    async with (
        TcpProxy(primary.url) as way,
        installed(nats, settings=settings_of(database, way.url, standby.url), scenario_faults=True) as site,
        site.worker(),
        flowing(flow := Flow(site, {}), []),
    ):
        await flow.answered(10)
        way.silence()
        await asyncio.to_thread(primary.kill)
        await asyncio.to_thread(standby.promote)
        await flow.answered(10)
        ends = await flow.over()
    outages.saw("database_silent", on="PostgreSQL", ends=ends, stopped=flow.longest_pause)
