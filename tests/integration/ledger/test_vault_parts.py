"""A body that comes in pieces: sealed part by part, opened by nobody before it is whole, given back as it came."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, func, select, update

from bridge.ledger.keys import NotKept, SealBroken
from bridge.ledger.vault.vault import PART_BYTES, Vault, claim_parts, claims
from tests.integration.ledger.trail import Site, opened

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
PDF = "application/pdf"
PIECES = [b"%PDF-", b"x" * (PART_BYTES - 1), b"", b"y" * (2 * PART_BYTES), b"z"]
WHOLE = b"".join(PIECES)


@pytest.fixture
def vault(site: Site) -> Vault:
    return Vault(site.store, site.sealer, keep_answers=DAY)


async def deposited(vault: Vault, pieces=PIECES, *, expires_at: datetime = NOW + DAY):
    deposit = vault.deposit(expires_at, request_key="/epr r-1")
    for piece in pieces:
        await deposit.add(piece)
    return deposit


async def parts(site: Site) -> int:
    return await site.store.read(
        lambda c: c.execute(select(func.count()).select_from(claim_parts)).scalar_one()
    )


@pytest.mark.parametrize("pieces", [PIECES, [b"small"], [], [b"x" * PART_BYTES]])
async def test_it_comes_back_whole_by_its_check(vault: Vault, pieces):
    body = b"".join(pieces)
    check = await (await deposited(vault, pieces)).complete(PDF)
    assert (check.sha256, check.size) == (hashlib.sha256(body).hexdigest(), len(body))
    assert (check.media_type, check.request_key) == (PDF, "/epr r-1")
    assert await opened(vault, check.id) == (check, body)


async def test_it_is_kept_as_it_comes_and_not_whole(site: Site, vault: Vault):
    deposit = await deposited(vault)
    assert await parts(site) >= len(WHOLE) // PART_BYTES - 1
    assert deposit.size == len(WHOLE)
    _, data = await vault.open_claim((await deposit.complete(PDF)).id)
    assert max([len(piece) async for piece in data]) < len(WHOLE)


async def test_nothing_in_the_database_shows_what_it_is(site: Site, vault: Vault):
    await (await deposited(vault, [b"Chest pain, seen in clinic"])).complete("text/plain")
    assert "Chest pain" not in await site.everything()


async def test_what_is_discarded_leaves_nothing(site: Site, vault: Vault):
    await (await deposited(vault)).discard()
    assert await parts(site) == 0
    assert await site.store.read(lambda c: c.execute(select(claims)).all()) == []


async def test_after_its_time_it_is_given_to_nobody_and_pruned_even_if_it_was_never_completed(
    site: Site, vault: Vault
):
    check = await (await deposited(vault, expires_at=NOW - DAY)).complete(PDF)
    await deposited(vault, expires_at=NOW - DAY)
    kept = await (await deposited(vault)).complete(PDF)
    with pytest.raises(NotKept):
        await vault.open_claim(check.id)
    before = await parts(site)
    assert (await vault.prune(NOW, facts_before=NOW - 100 * DAY)).claims == 1
    assert await parts(site) < before
    assert (await opened(vault, kept.id))[1] == WHOLE


@pytest.mark.parametrize(
    "change",
    [
        delete(claim_parts).where(claim_parts.c.number == 1),
        update(claim_parts).where(claim_parts.c.number == 1).values(number=9),
        update(claim_parts).where(claim_parts.c.number == 0).values(sealed=b"\x01\x00\x01a"),
        update(claims).values(parts=1),
    ],
    ids=["taken away", "moved", "changed", "fewer"],
)
async def test_a_database_that_was_changed_is_found_out(site: Site, vault: Vault, change):
    check = await (await deposited(vault)).complete(PDF)
    await site.store.write(lambda connection: connection.execute(change))
    with pytest.raises(SealBroken):
        await opened(vault, check.id)


async def test_parts_of_two_do_not_change_places(site: Site, vault: Vault):
    one, other = [await (await deposited(vault, [letter * 10])).complete(PDF) for letter in (b"a", b"b")]
    sealed = select(claim_parts.c.sealed).where(claim_parts.c.claim_id == other.id).scalar_subquery()
    moved = update(claim_parts).where(claim_parts.c.claim_id == one.id).values(sealed=sealed)
    await site.store.write(lambda connection: connection.execute(moved))
    with pytest.raises(SealBroken):
        await opened(vault, one.id)
