"""Raw answers and large bodies: sealed, given back whole, kept as long as allowed and known for longer."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from sqlalchemy import event, select, update
from sqlalchemy.pool import Pool

from bridge.ledger.audit.chain import fetch
from bridge.ledger.keys import KeyUnknown, NotKept, SealBroken, add_key
from bridge.ledger.storage.store import Store
from bridge.ledger.vault.vault import (
    AnswerFacts,
    KeptAnswer,
    PrunedBodies,
    Vault,
    answer_bodies,
    answers,
    claims,
)
from tests.integration.ledger.trail import NHS_NUMBER, Site, opened

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
JSON = "application/cloudevents+json"


def answer(number: int = 1, *, size: int = 1000, received_at: datetime = NOW) -> KeptAnswer:
    patient = {"resourceType": "Patient", "identifier": [{"value": NHS_NUMBER}], "number": number}
    body = orjson.dumps({"entry": [{"resource": patient}] * (size // len(orjson.dumps(patient)) + 1)})
    return KeptAnswer(
        body=body,
        sha256=hashlib.sha256(body).hexdigest(),
        received_at=received_at,
        request_key=f"/epr r-{number}",
        interaction="urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1",
        practice_ods="A12345",
        trace_id=f"t-{number}",
    )


def facts_of(kept: KeptAnswer) -> AnswerFacts:
    return AnswerFacts(**{name: getattr(kept, name) for name in AnswerFacts.__dataclass_fields__})


@pytest.fixture
def vault(site: Site) -> Vault:
    return Vault(site.store, site.sealer, keep_answers=30 * DAY)


@pytest.mark.parametrize("size", [1, 1000, 3_000_000])
async def test_an_answer_comes_back_whole_by_its_hash(vault: Vault, size: int):
    stored = answer(size=size)
    await vault.store_answer(stored)
    assert await vault.open_answer(stored.sha256) == stored


@pytest.mark.parametrize("size", [0, 1000, 3_000_000])
async def test_a_claim_comes_back_whole_by_its_check(vault: Vault, size: int):
    body = b"x" * size
    check = await vault.check_in(body, JSON, NOW + DAY)
    assert (check.sha256, check.size, check.media_type) == (hashlib.sha256(body).hexdigest(), size, JSON)
    assert await opened(vault, check.id) == (check, body)


async def test_equal_bodies_have_claim_checks_of_their_own(vault: Vault):
    first, second = [await vault.check_in(b"body", JSON, NOW + DAY) for _ in range(2)]
    assert first.id != second.id
    assert len(first.id) == 32


async def test_nothing_in_the_database_shows_what_is_kept(site: Site, vault: Vault):
    await vault.store_answer(answer())
    await vault.check_in(answer().body, JSON, NOW + DAY)
    assert NHS_NUMBER not in await site.everything()
    assert "Patient" not in await site.everything()
    assert NHS_NUMBER not in repr(answer())


async def test_an_answer_that_came_twice_is_given_once(vault: Vault):
    await vault.store_answer(answer())
    again = replace(answer(), request_key="/epr again")
    await vault.store_answer(again)
    assert await vault.open_answer(again.sha256) == again


async def test_what_was_never_kept_cannot_be_opened(vault: Vault):
    with pytest.raises(NotKept):
        await vault.open_answer("0" * 64)
    with pytest.raises(NotKept):
        await vault.open_claim("0" * 32)


async def test_the_answers_to_a_request_are_known_in_their_order(vault: Vault):
    first, second = answer(1), replace(answer(2), request_key="/epr r-1")
    for stored in (first, second, answer(3)):
        await vault.store_answer(stored)
    assert await vault.answers_to("/epr r-1") == [facts_of(first), facts_of(second)]


async def test_a_site_that_keeps_no_answers_still_knows_of_them(site: Site):
    vault = Vault(site.store, site.sealer, keep_answers=timedelta(0))
    await vault.store_answer(answer())
    with pytest.raises(NotKept):
        await vault.open_answer(answer().sha256)
    assert await vault.answers_to("/epr r-1") == [facts_of(answer())]
    assert (await rows(site.store, answers))[0]["size"] == len(answer().body)


async def rows(store: Store, table) -> list[dict]:
    return list(await store.read(fetch(select(table))))


async def test_after_its_time_a_body_is_not_given_even_before_it_is_pruned(vault: Vault):
    old = answer(received_at=NOW - 31 * DAY)
    await vault.store_answer(old)
    check = await vault.check_in(b"body", JSON, NOW - DAY)
    with pytest.raises(NotKept):
        await vault.open_answer(old.sha256)
    with pytest.raises(NotKept):
        await vault.open_claim(check.id)


async def test_pruning_drops_bodies_and_keeps_what_is_known_about_them(site: Site, vault: Vault):
    old, new = answer(1, received_at=NOW - 31 * DAY), answer(2)
    for stored in (old, new):
        await vault.store_answer(stored)
    await vault.check_in(b"old", JSON, NOW - DAY)
    check = await vault.check_in(b"new", JSON, NOW + DAY)

    assert await vault.prune(NOW, facts_before=NOW - 100 * DAY) == PrunedBodies(
        answers=1, claims=1, metadata=0
    )

    assert [row["sha256"] for row in await rows(site.store, answer_bodies)] == [new.sha256]
    assert {row["id"] == check.id: row["sealed"] is None for row in await rows(site.store, claims)} == {
        False: True,
        True: False,
    }
    assert await vault.open_answer(new.sha256) == new
    assert (await opened(vault, check.id))[1] == b"new"
    assert await vault.answers_to(old.request_key) == [facts_of(old)]
    assert await vault.prune(NOW, facts_before=NOW - 100 * DAY) == PrunedBodies(0, 0, 0)


async def test_pruning_forgets_what_is_old_enough_but_never_what_is_still_kept(site: Site, vault: Vault):
    gone = answer(1, received_at=NOW - 200 * DAY)
    await vault.store_answer(gone)
    await vault.store_answer(answer(2))
    pruned = await vault.prune(NOW, facts_before=NOW + DAY)
    assert pruned == PrunedBodies(answers=1, claims=0, metadata=1)
    assert await vault.answers_to(gone.request_key) == []
    assert await vault.open_answer(answer(2).sha256) == answer(2)


async def test_pruning_goes_on_until_everything_is_done(site: Site, vault: Vault):
    for _ in range(450):  # more than are pruned in one transaction
        await vault.check_in(b"", JSON, NOW - DAY)
    assert (await vault.prune(NOW, facts_before=NOW - DAY)).claims == 450


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
async def test_pruned_bodies_give_their_space_back(site: Site, vault: Vault, tmp_path: Path):
    file = tmp_path / "ledger.db"
    noise = orjson.dumps([hashlib.sha256(str(number).encode()).hexdigest() for number in range(20_000)])
    for _ in range(5):
        await vault.check_in(noise, JSON, NOW - DAY)
    await site.store.give_back_space()
    full = file.stat().st_size
    await vault.prune(NOW, facts_before=NOW - DAY)
    steps: list[object] = []

    def opens(connection: object, _: object) -> None:
        steps.append(connection)

    event.listen(Pool, "connect", opens)
    await site.store.give_back_space()
    event.remove(Pool, "connect", opens)
    assert file.stat().st_size < full / 2
    # Each step opens the file, and holds up who writes: it frees many pages, of 4 KiB, and not a single one.
    assert len(steps) < (full - file.stat().st_size) / 4096 / 100


async def test_a_body_moved_to_another_row_does_not_open(site: Site, vault: Vault):
    one, two = answer(1), answer(2)
    for stored in (one, two):
        await vault.store_answer(stored)
    sealed = {row["sha256"]: row["sealed"] for row in await rows(site.store, answer_bodies)}
    await change(
        site,
        update(answer_bodies).where(answer_bodies.c.sha256 == two.sha256).values(sealed=sealed[one.sha256]),
    )
    with pytest.raises(SealBroken):
        await vault.open_answer(two.sha256)


async def change(site: Site, statement) -> None:
    await site.store.write(lambda connection: connection.execute(statement))


async def test_an_answer_stored_under_the_hash_of_another_is_refused(vault: Vault):
    await vault.store_answer(replace(answer(1), sha256=answer(2).sha256))
    with pytest.raises(SealBroken):
        await vault.open_answer(answer(2).sha256)


async def test_a_changed_claim_does_not_open(site: Site, vault: Vault):
    check = await vault.check_in(b"body", JSON, NOW + DAY)
    sealed = bytearray((await rows(site.store, claims))[0]["sealed"])
    sealed[-1] ^= 1
    await change(site, update(claims).values(sealed=bytes(sealed)))
    with pytest.raises(SealBroken):
        await vault.open_claim(check.id)


async def test_rotation_leaves_answers_readable_until_their_key_is_removed(site: Site, vault: Vault):
    old = answer(1)
    await vault.store_answer(old)
    key_id = site.vault_keys.read_text().partition(":")[0]
    add_key(site.vault_keys)
    assert await vault.open_answer(old.sha256) == old
    site.vault_keys.write_text(site.vault_keys.read_text().splitlines()[0])
    with pytest.raises(KeyUnknown) as raised:
        await vault.open_answer(old.sha256)
    assert raised.value.key_id == key_id
