"""The ledger goes away, or several workers share one, in the middle of a whole worker's requests."""

import asyncio
import contextlib
import os
import shutil
import sqlite3
import subprocess
from contextlib import AsyncExitStack

import pytest

from tests.faults.installation import until
from tests.support.postgres import fresh_database

GONE = 10.0
"""Seconds: longer than the ledger's own patience."""
SMALL_DISK = "size=4m"


@pytest.fixture
def database(postgres_node):
    with fresh_database(postgres_node.url) as url:
        yield url


async def gone_for_a_while(site, outages):
    """Requests that come while the ledger is gone, and what the bus has of them after a while."""
    ids = await site.epr.ask(*["no_known_allergies"] * 5)
    await asyncio.sleep(GONE)
    assert outages.logged("ledger_unavailable")
    assert not any(map(site.epr.is_over, ids)), "nothing is said that is not written down"
    return ids


@pytest.mark.rabbit
async def test_a_file_that_is_locked_delays_and_loses_nothing(rabbit, installed, outages):
    async with installed(rabbit, practice_delay=0.5) as site, site.worker():
        before = await site.epr.ask("rich_record")
        await until(lambda: site.asked_of_practices("rich_record"))
        with contextlib.closing(
            sqlite3.connect(site.settings.state_dir / "ledger.db", isolation_level=None)
        ) as lock:
            lock.execute("BEGIN EXCLUSIVE")
            ids = before + await gone_for_a_while(site, outages)
        await site.epr.over(ids)
        ends = await site.accounts(ids)
    outages.saw("ledger_gone", on="SQLite", ends=ends)


@pytest.mark.nats
async def test_a_server_that_is_stopped_delays_and_loses_nothing(
    nats, installed, outages, postgres_node, database
):
    settings = {"BRIDGE_LEDGER_URL": database}
    async with installed(nats, settings=settings, practice_delay=0.5) as site, site.worker() as worker:
        before = await site.epr.ask("rich_record")
        await until(lambda: site.asked_of_practices("rich_record"))
        await asyncio.to_thread(postgres_node.stop)
        ids = before + await gone_for_a_while(site, outages)
        assert not (await worker.readiness())["ledger"]
        await asyncio.to_thread(postgres_node.start)
        await site.epr.over(ids)
        ends = await site.accounts(ids)
    outages.saw("ledger_gone", on="PostgreSQL", ends=ends)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own for the state, which can be filled."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", SMALL_DISK, "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(ballast):
    """Write until the disk takes no more."""
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    assert shutil.disk_usage(ballast.parent).free == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system")
async def test_a_full_disk_delays_and_loses_nothing(any_broker, installed, outages, small_disk):
    async with installed(any_broker) as site, site.worker():
        before = await site.epr.ask("no_known_allergies")
        await site.epr.over(before)
        ballast = small_disk / "ballast"
        fill(ballast)
        ids = before + await site.epr.ask(*["rich_record"] * 3)
        await until(lambda: outages.logged("SQLITE_FULL"))
        await until(lambda: site.holds(waiting=3))
        ballast.unlink()
        await site.epr.over(ids)
        ends = await site.accounts(ids)
    outages.saw("disk_full", on=any_broker.title, ends=ends)


async def test_workers_that_get_the_same_requests_ask_once(any_broker, installed, outages, database):
    settings = {"BRIDGE_LEDGER_URL": database}
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(installed(any_broker, settings=settings, practice_delay=0.3))
        for _ in range(4):
            await stack.enter_async_context(site.worker())
        ids = await site.epr.ask(*["no_known_allergies"] * 6, copies=3)
        await site.epr.over(ids)
        ends = await site.accounts(ids)
        assert site.asked_of_practices("no_known_allergies") == 6
    outages.saw("same_request_twice", on=any_broker.title, ends=ends)
