"""A trail that is broken or wiped: nothing is begun on it, reading finds it, and only an operator resumes it."""

import pytest
from sqlalchemy.exc import ProgrammingError

from bridge.ledger import LedgerUnavailable, Started
from bridge.ledger.audit.chain import heads
from bridge.ledger.audit.trail import AuditBroken, AuditTrail
from bridge.ledger.errors import NoLedger
from bridge.ledger.keys import KeyFile
from bridge.ledger.opening import open_store
from bridge.settings import Settings
from tests.integration.ledger.site import events, opening, started
from tests.integration.ledger.trail import OFFICER, Site, entry

EMPTY_HEAD = {"lane": 0, "sequence": 0, "mac": bytes(32), "key_id": "k", "seal": bytes(32)}


async def test_a_trail_that_was_wiped_is_neither_begun_again_nor_whole(settings, ledger, tmp_path):
    site = Site(ledger.store, tmp_path / "keys")
    await site.trail.prepare()
    claim = started(await ledger.begin(opening()))
    also = site.trail.step(entry(request_key=claim.lease.request_key))
    await ledger.finish(claim.lease, state="completed", code=None, events=events(), also=also)
    assert await site.trail.verify() == []
    await site.intrude("DELETE FROM audit_entries", "DELETE FROM audit_heads")

    await site.another_trail().prepare()

    found = [str(each) for each in await site.trail.verify()]
    assert f"unrecorded 1 requests: {claim.lease.request_key}" in found
    assert any(each.startswith("head_missing") for each in found)
    with pytest.raises(AuditBroken):
        await ledger.begin(opening(2), first=site.trail.check)
    assert await ledger.oversight.request_history(opening(2).request_key) is None, "nothing is taken up"
    await site.trail.resume(OFFICER, "restored from a copy")
    assert isinstance(await ledger.begin(opening(2), first=site.trail.check), Started)
    assert f"unrecorded 1 requests: {claim.lease.request_key}" in map(str, await site.trail.verify())


async def test_a_request_that_ended_otherwise_than_its_entry_says_is_found(ledger, tmp_path):
    site = Site(ledger.store, tmp_path / "keys")
    await site.trail.prepare()
    for number, told in enumerate(("completed", "failed"), start=1):
        claim = started(await ledger.begin(opening(number)))
        also = site.trail.step(entry(request_key=claim.lease.request_key, outcome=told))
        await ledger.finish(claim.lease, state="failed", code="internal", events=events(number), also=also)
    assert [str(each) for each in await site.trail.verify()] == ["unrecorded 1 requests: /epr r-1"]


async def test_verifying_writes_nothing(settings, ledger, tmp_path):
    site = Site(ledger.store, tmp_path / "keys")
    async with open_store(settings, read_only=True) as store:
        trail = AuditTrail(store, KeyFile(site.audit_keys, "A"), site.sealer)
        assert {each.kind for each in await trail.verify()} == {"head_missing"}
        with pytest.raises((LedgerUnavailable, ProgrammingError)):
            await store.write(lambda connection: connection.execute(heads.insert().values(EMPTY_HEAD)))
    assert await site.whole(heads) == []


async def test_a_ledger_that_is_only_read_is_not_made(tmp_path):
    settings = Settings(state_dir=tmp_path / "none")
    with pytest.raises(NoLedger):
        async with open_store(settings, read_only=True):
            pass
    assert not settings.state_dir.exists()
