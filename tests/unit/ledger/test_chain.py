"""The canonical form of an audit entry, and the codes over it: one form per entry, the same for ever."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bridge.ledger.audit.chain import Head, canonical, entries, entry_mac, head_seal, is_sealed, sealed_head
from bridge.ledger.keys import KeyRing, KeyUnknown

RING = KeyRing("a1", {"a1": bytes(range(32)), "a0": bytes(range(32, 64))})
ROW = {
    "lane": 0,
    "sequence": 7,
    "id": "00112233445566778899aabbccddeeff",
    "recorded_at": datetime(2026, 11, 22, 9, 30, 0, 5, tzinfo=UTC),
    "event": "record.requested",
    "outcome": "failed",
    "code": "patient_not_found",
    "user_id": "u-1",
    "organisation": "RXX",
    "patient_key": "0123456789abcdef0123456789abcdef",
    "patient": b"\x01\x00\x02v1sealed",
    "request_key": "/epr r-1",
    "correlation_id": "c-1",
    "practice_ods": None,
    "interaction": None,
    "details": '{"user":{"name":"Zoë"}}',
    "key_id": "a1",
    "previous": bytes(32),
}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
moments = st.datetimes(timezones=st.just(UTC))
numbers = st.integers(min_value=0, max_value=2**53)
columns = dict.fromkeys(ROW, st.none() | texts) | {
    "lane": numbers,
    "sequence": numbers,
    "recorded_at": moments,
    "patient": st.none() | st.binary(max_size=20),
    "previous": st.binary(max_size=20),
    "key_id": st.sampled_from(["a0", "a1"]),
}
rows = st.fixed_dictionaries(columns)


def test_the_canonical_form_covers_every_column_but_the_code_itself():
    assert set(ROW) | {"mac"} == {column.name for column in entries.columns}


def test_the_form_and_the_codes_of_the_first_version_never_change():
    # An entry is checked years after it was written: what a later version computes must be this.
    assert canonical(ROW) == (
        b'{"code":"patient_not_found","correlation_id":"c-1","details":"{\\"user\\":{\\"name\\":\\"Zo\xc3\xab\\"}}",'
        b'"event":"record.requested","id":"00112233445566778899aabbccddeeff","interaction":null,"key_id":"a1",'
        b'"lane":0,"organisation":"RXX","outcome":"failed","patient":"010002'
        + b"v1sealed".hex().encode()
        + b'",'
        b'"patient_key":"0123456789abcdef0123456789abcdef","practice_ods":null,"previous":"'
        + b"00"
        * 32
        + b'",'
        b'"recorded_at":"2026-11-22T09:30:00.000005+00:00","request_key":"/epr r-1","sequence":7,"user_id":"u-1"}'
    )
    assert entry_mac(RING, ROW).hex() == "662f24b635a5d58e3092b20d1f124f992b7bb646dbef216d79738015da98587e"
    assert (
        sealed_head(RING, 0, 7, bytes(32))["seal"].hex()
        == "b2d9d1110d082d0e718cf800029b68696e6f3949e8cb8e3fb279b01aa4a38194"
    )


@given(rows)
def test_equal_rows_have_one_form_whatever_the_order_of_their_columns(row):
    assert canonical(dict(reversed(row.items()))) == canonical(row)
    assert canonical(row | {"mac": b"any"}) == canonical(row)


@given(rows, st.sampled_from(sorted(ROW)), st.data())
def test_a_change_of_any_column_changes_the_form_and_the_code(row, column, data):
    changed = row | {column: data.draw(columns[column].filter(lambda value: value != row[column]))}
    assert canonical(changed) != canonical(row)
    assert entry_mac(RING, changed) != entry_mac(RING, row)


@given(rows)
def test_absent_is_not_empty(row):
    assert canonical(row | {"code": None}) != canonical(row | {"code": ""})


@given(moments)
def test_a_moment_counts_to_the_microsecond(moment):
    assume(moment.year < 9999)
    later = moment + timedelta(microseconds=1)
    assert canonical({"recorded_at": moment}) != canonical({"recorded_at": later})


def test_the_code_depends_on_the_key_the_row_names():
    other = KeyRing("a1", {"a1": bytes(range(1, 33))})
    assert entry_mac(other, ROW) != entry_mac(RING, ROW)
    with pytest.raises(KeyUnknown):
        entry_mac(other, ROW | {"key_id": "a0"})


@pytest.mark.parametrize("change", [{"lane": 1}, {"sequence": 8}, {"mac": b"\1" * 32}, {"key_id": "a0"}])
def test_a_head_is_sealed_whole(change):
    head = sealed_head(RING, 0, 7, bytes(32))
    assert is_sealed(RING, head)
    assert not is_sealed(RING, head | change)


def test_the_code_of_an_entry_is_no_seal_of_a_head():
    # The codes of entries stand in the database for everybody who can read it.
    head = sealed_head(RING, 0, 7, entry_mac(RING, ROW))
    assert head["seal"] != head["mac"]
    assert head_seal(RING, head) == head["seal"]


@given(st.integers(0, 15), numbers, st.binary(min_size=32, max_size=32))
def test_a_head_that_was_noted_can_be_read_again(lane, sequence, mac):
    head = Head(lane, sequence, mac)
    assert Head.parse(str(head)) == head
