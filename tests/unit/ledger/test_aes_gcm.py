"""The sealed form: opens for its own row and its own key only, today and in a later version."""

import base64
import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.ledger.keys import KeyFile, KeyUnknown, SealBroken, add_key, create_ring
from bridge.ledger.vault.aes_gcm import AesGcmSealer

ROW = b"answer:1"
PLAIN = json.dumps([{"resourceType": "Patient", "id": str(number)} for number in range(20)]).encode()
# Sealed once by version 1, with the key 00 01 … 1f under the id "k1": what is kept today must open for years.
KNOWN = {
    b"short": "AQACazGQvVUVTh2FdktDjnmRHzyZ5s6yAX/rGiTsUxhIeoc/gIU=",
    PLAIN: (
        "AQECazFHxNK5vbrchj6v0I9vdedKx60I4tTHC6gsgB4t2hBPIijzPsCpUHv5KrEJuQntjk+k5sHh8jiaz8L2taRHSlhTPK1H"
        "tvdRIJElBTGAC9x/WO8ku/GxF16GRYhV2Y6T37b0AsktD8Vka/OhMCpq81+F1jslfCSxNxvr+iXaRjv13B/xlGutxUXVbw=="
    ),
}


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    create_ring(path)
    return path


@pytest.fixture(scope="module")
def sealer(tmp_path_factory: pytest.TempPathFactory) -> AesGcmSealer:
    path = tmp_path_factory.mktemp("keys") / "keys"
    path.write_text(f"k1:{base64.b64encode(bytes(range(32))).decode()}\n")
    return AesGcmSealer(KeyFile(path, "X"))


@pytest.mark.parametrize("plain", KNOWN)
def test_what_the_first_version_sealed_still_opens(sealer: AesGcmSealer, plain: bytes):
    assert sealer.open(base64.b64decode(KNOWN[plain]), ROW) == plain


@given(content=st.binary(max_size=600), aad=st.binary(max_size=40))
@example(content=b"", aad=b"")
@example(content=bytes(5000), aad=b"a")
def test_what_is_sealed_opens(sealer: AesGcmSealer, content: bytes, aad: bytes):
    assert sealer.open(sealer.seal(content, aad), aad) == content


def test_nothing_of_the_content_shows_and_the_same_content_never_seals_to_the_same_bytes(
    sealer: AesGcmSealer,
):
    first, second = sealer.seal(PLAIN, ROW), sealer.seal(PLAIN, ROW)
    assert first != second
    assert b"Patient" not in first


def test_large_content_is_compressed_and_incompressible_content_hardly_grows(sealer: AesGcmSealer):
    noise = os.urandom(1000)
    assert len(sealer.seal(PLAIN, ROW)) < len(PLAIN) / 2
    assert len(sealer.seal(noise, ROW)) - len(noise) < 40


@given(st.data())
def test_any_changed_bit_is_noticed(sealer: AesGcmSealer, data):
    sealed = bytearray(sealer.seal(b"content", ROW))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises((SealBroken, KeyUnknown)):
        sealer.open(bytes(sealed), ROW)


@given(st.data())
def test_any_cut_is_noticed(sealer: AesGcmSealer, data):
    sealed = sealer.seal(b"content", ROW)
    with pytest.raises((SealBroken, KeyUnknown)):
        sealer.open(sealed[: data.draw(st.integers(0, len(sealed) - 1))], ROW)


@given(st.binary(max_size=100))
@example(b"\x01\x00\x02\xff\xff" + bytes(40))
def test_anything_else_is_no_sealed_value(sealer: AesGcmSealer, noise: bytes):
    with pytest.raises((SealBroken, KeyUnknown)):
        sealer.open(noise, ROW)


def test_a_value_moved_to_another_row_does_not_open(sealer: AesGcmSealer):
    with pytest.raises(SealBroken):
        sealer.open(sealer.seal(b"content", ROW), b"answer:2")


def test_after_rotation_new_values_have_the_new_key_and_old_ones_still_open(ring: Path):
    sealer = AesGcmSealer(KeyFile(ring, "X", look_every=0))
    old = sealer.seal(b"content", ROW)
    new_id = add_key(ring)
    new = sealer.seal(b"content", ROW)
    assert new_id.encode() in new
    assert new_id.encode() not in old
    assert sealer.open(old, ROW) == sealer.open(new, ROW) == b"content"


def test_what_a_removed_key_sealed_is_gone_and_the_error_names_the_key(ring: Path):
    sealer = AesGcmSealer(KeyFile(ring, "X", look_every=0))
    sealed = sealer.seal(b"content", ROW)
    assert (
        sealer.open(sealed, ROW) == b"content"
    )  # the cipher is in use by now, and must be dropped all the same
    old_id = ring.read_text().partition(":")[0]
    add_key(ring)
    ring.write_text(ring.read_text().splitlines(keepends=True)[0])
    with pytest.raises(KeyUnknown) as raised:
        sealer.open(sealed, ROW)
    assert raised.value.key_id == old_id


def test_content_that_cannot_be_unpacked_is_told_as_broken(sealer: AesGcmSealer):
    """Rightly sealed, and not what the compression library wrote: its error is one of its own."""
    header, nonce = bytes((1, 1, 2)) + b"k1", bytes(12)
    sealed = header + nonce + AESGCM(bytes(range(32))).encrypt(nonce, b"no deflate", header + ROW)
    with pytest.raises(SealBroken, match="unpacked"):
        sealer.open(sealed, ROW)
