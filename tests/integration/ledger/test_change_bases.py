"""What changes are told by: sealed, replaced with the end of a request, and only by who read it as it is."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from bridge.ledger import BaseMoved, FollowUp, Ledger, NewBase, open_ledger
from bridge.ledger.audit.chain import entries
from bridge.ledger.keys import add_key
from bridge.ledger.vault.bases import ChangeBases, KeptBase, bases
from tests.integration.ledger.site import Clock, events, opening, sealer_in, started
from tests.integration.ledger.trail import NHS_NUMBER, OFFICER, PATIENT_KEY, Site, entry

BODY = f'{{"items":["{NHS_NUMBER}"]}}'.encode()
LONG = timedelta(days=90)


async def end(ledger: Ledger, number: int, base: NewBase) -> None:
    """Have a request end that leaves this to be compared with."""
    begun = started(await ledger.begin(opening(number)))
    await ledger.finish(
        begun.lease, state="completed", code=None, events=events(number), follow_up=FollowUp(base=base)
    )


@pytest.fixture
def kept(ledger: Ledger, settings) -> ChangeBases:
    return ChangeBases(ledger.store, sealer_in(settings.state_dir))


async def test_it_is_there_when_the_request_has_ended_and_not_before(ledger, kept, clock: Clock):
    clock.now = datetime.now(UTC)
    assert await kept.last(PATIENT_KEY) == KeptBase()
    await end(ledger, 1, NewBase(PATIENT_KEY, None, BODY))
    found = await kept.last(PATIENT_KEY)
    assert (found.body, found.fault) == (BODY, None)
    await end(ledger, 2, NewBase(PATIENT_KEY, found.token, b"second"))
    again = await kept.last(PATIENT_KEY)
    assert again.body == b"second"
    assert again.token != found.token
    assert await kept.last("f" * 32) == KeptBase()


async def test_of_requests_that_end_at_once_one_replaces_it_and_the_others_end_not_at_all(
    ledger, kept, clock: Clock
):
    clock.now = datetime.now(UTC)
    await end(ledger, 1, NewBase(PATIENT_KEY, None, BODY))
    read = (await kept.last(PATIENT_KEY)).token
    ended = await asyncio.gather(
        *(end(ledger, n, NewBase(PATIENT_KEY, read, f"of {n}".encode())) for n in (2, 3, 4)),
        end(ledger, 5, NewBase(PATIENT_KEY, None, b"as the first")),
        return_exceptions=True,
    )
    lost = [each for each in ended if each is not None]
    assert [type(each) for each in lost] == [BaseMoved] * 3
    won = next(n for n, each in zip((2, 3, 4), ended, strict=False) if each is None)
    assert (await kept.last(PATIENT_KEY)).body == f"of {won}".encode()
    stored = [await ledger.stored_events(opening(n).request_key) for n in (2, 3, 4, 5)]
    assert [bool(each) for each in stored].count(True) == 1, "whoever lost left nothing behind"


async def test_who_read_what_was_erased_since_does_not_put_it_back(ledger, kept, clock: Clock):
    clock.now = datetime.now(UTC)
    await end(ledger, 1, NewBase(PATIENT_KEY, None, BODY))
    read = (await kept.last(PATIENT_KEY)).token
    assert await kept.erase(PATIENT_KEY, also=lambda _: None)
    assert not await kept.erase(PATIENT_KEY, also=lambda _: None)
    with pytest.raises(BaseMoved):
        await end(ledger, 2, NewBase(PATIENT_KEY, read, BODY))


async def test_its_time_begins_anew_with_each_answer_and_ends(ledger, kept, clock: Clock):
    clock.now = datetime.now(UTC) - LONG - timedelta(days=1)
    await end(ledger, 1, NewBase(PATIENT_KEY, None, BODY))
    await end(ledger, 2, NewBase("f" * 32, None, BODY))
    found = await kept.last(PATIENT_KEY)
    assert found.body is None
    assert found.token is not None
    clock.now = datetime.now(UTC)
    await end(ledger, 3, NewBase(PATIENT_KEY, found.token, BODY))
    assert await kept.prune(datetime.now(UTC)) == 1
    assert (await kept.last(PATIENT_KEY)).body == BODY


async def test_nothing_in_the_database_shows_what_is_kept(site: Site, settings):
    await put(site, settings)
    assert NHS_NUMBER not in await site.everything()


async def put(site: Site, settings) -> ChangeBases:
    async with open_ledger(settings, site.sealer) as ledger:
        await end(ledger, 1, NewBase(PATIENT_KEY, None, BODY))
    return ChangeBases(site.store, site.sealer)


async def test_a_key_that_is_gone_costs_the_comparison_alone(site: Site, settings):
    kept = await put(site, settings)
    add_key(site.vault_keys)
    assert (await kept.last(PATIENT_KEY)).body == BODY
    site.vault_keys.write_text(site.vault_keys.read_text().splitlines()[0])
    found = await kept.last(PATIENT_KEY)
    assert (found.body, found.fault) == (None, "KeyUnknown")
    assert found.token is not None


async def test_it_opens_for_its_own_patient_alone(site: Site, settings):
    kept = await put(site, settings)
    await site.store.write(lambda connection: connection.execute(update(bases).values(patient_key="f" * 32)))
    assert (await kept.last("f" * 32)).fault == "SealBroken"


async def test_who_erased_it_is_in_the_trail(site: Site, settings):
    kept = await put(site, settings)
    said = entry(event="change_base.erased", actor=OFFICER, request_key=None)
    assert await kept.erase(PATIENT_KEY, also=site.trail.step(said))
    assert await site.store.read(lambda each: each.scalar(select(func.count()).select_from(bases))) == 0
    assert [each["event"] for each in await site.whole(entries)] == ["change_base.erased"]
