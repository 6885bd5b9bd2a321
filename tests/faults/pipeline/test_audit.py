"""Somebody writes to the audit trail's tables while a whole worker is at work."""

import contextlib
import sqlite3

from tests.faults.installation import until


def tamper(site):
    """What somebody with the file in hand does: past the triggers, the head of the chain is another."""
    file = site.settings.state_dir / "ledger.db"
    with contextlib.closing(sqlite3.connect(file, timeout=30)) as ledger, ledger:
        for (name,) in ledger.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'audit_%'"
        ).fetchall():
            ledger.execute(f"DROP TRIGGER {name}")
        ledger.execute("UPDATE audit_heads SET seal = zeroblob(32)")


async def test_a_broken_trail_stops_all_work_until_it_is_resumed(any_broker, installed, outages):
    async with installed(any_broker) as site, site.worker() as worker:
        before = await site.epr.ask("no_known_allergies")
        await site.epr.over(before)
        assert (await worker.readiness())["audit"]
        asked = site.asked_of_practices("no_known_allergies")
        tamper(site)
        ids = before + await site.epr.ask(*["no_known_allergies"] * 3)
        await until(lambda: site.holds(waiting=3))
        assert outages.logged("audit_broken")
        assert site.asked_of_practices("no_known_allergies") == asked, "nothing that cannot be recorded"
        found = await worker.readiness()
        assert (found["ledger"], found["audit"]) == (True, False)
        outages.did("/readyz", "audit")
        examined = await site.run("doctor")
        assert (examined.code, "FAILED" in examined.text) == (1, True)
        outages.did("bridge doctor")
        await site.command("audit", "resume", "--reason", "somebody edited the file; restored and compared")
        outages.did("bridge audit resume --reason")
        await site.epr.over(ids)
        assert (await worker.readiness())["audit"]
        ends = await site.accounts(ids, is_resumed=True)
        outages.did("bridge audit verify")
    outages.saw("audit_broken", on=any_broker.title, ends=ends)
