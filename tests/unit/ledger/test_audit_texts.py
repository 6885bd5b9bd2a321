"""Whatever text an entry is made of, it can be stored, and reads back as what was hashed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, select

from bridge.ledger.audit.chain import FIRST_PREVIOUS, MAX_TEXT, entries, entry_mac, fetch, heads, sealed_head
from bridge.ledger.audit.trail import Actor, AuditTrail, Entry
from bridge.ledger.keys import KeyFile, create_ring
from bridge.ledger.storage.group_commit import group_commit
from bridge.ledger.storage.metadata import metadata
from bridge.ledger.vault.aes_gcm import AesGcmSealer

any_text = st.text(st.characters(exclude_categories=[]), max_size=MAX_TEXT + 50)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyFile:
    path: Path = tmp_path_factory.mktemp("keys") / "keys"
    create_ring(path)
    return KeyFile(path, "X")


@pytest.fixture(scope="module")
def connection(keys: KeyFile) -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.begin() as opened:
        metadata.create_all(opened, tables=[entries, heads])
        opened.execute(heads.insert(), sealed_head(keys.ring, 0, 0, FIRST_PREVIOUS))
        yield opened
    engine.dispose()


@given(text=any_text, other=any_text)
@example(text="\x00", other="\ud800")
@example(text="x" * (MAX_TEXT + 1), other="")
def test_an_entry_of_any_text_reads_back_as_it_was_hashed(connection, keys, text: str, other: str):
    actor = Actor(user_id=text, name=other, role=text, organisation=other)
    told = Entry(
        event=text, outcome=other, code=text, actor=actor, facts={text: other}, trace_ids=[text, other]
    )
    trail = AuditTrail(NotImplemented, keys, AesGcmSealer(keys))
    with group_commit(connection):
        position = trail.append(connection, told)
    row = fetch(select(entries).where(entries.c.sequence == position.sequence))(connection)[0]
    assert row["mac"] == entry_mac(keys.ring, row)
    assert row["event"].isprintable()
    assert len(row["event"]) <= MAX_TEXT
    if text.isprintable() and len(text) <= MAX_TEXT:
        assert row["event"] == text
