"""The sealed form: AES-256-GCM, bound to the row it belongs to, readable for as long as its key is kept.

::

    version  1 byte    1
    flags    1 byte    bit 0: the content was compressed (zlib) before it was sealed
    length   1 byte    of the key id
    key id   1..32     ASCII, as in the key ring
    nonce    12        random (NIST SP 800-38D, 8.2.2: at most 2**32 seals with one key; rotate long before)
    rest               ciphertext and its 16-byte tag

What is authenticated besides the content: everything before the nonce, then the caller's `aad`, which
names the row (``answer:<sha256>``). So a sealed value copied to another row does not open there.
"""

import os
from typing import Final, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from isal import igzip_lib, isal_zlib

from bridge.ledger.keys import KeyFile, KeyRing, SealBroken

VERSION: Final = 1
_COMPRESSED: Final = 1
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_FIXED_BYTES: Final = 3
# Below this zlib gains nothing on JSON. At its level 1 ISA-L writes as little as zlib does at 3, in half the
# time; zlib was a third of what a request cost the ledger.
_WORTH_COMPRESSING: Final = 256
_LEVEL: Final = 1
_WORK_SPACE: Final = igzip_lib.MEM_LEVEL_SMALL
"""Under 128 KiB. Its usual one makes nothing smaller, and is a block that a worker has of the system, page by
page, and gives back at once (`bridge.heap`): that took longer than to compress."""
_NOT_UNPACKED: Final = cast("type[Exception]", isal_zlib.error)
"""The library's own error, which is no `zlib.error`; its types say that it is an exception, not a class."""


class AesGcmSealer:
    """Seals with the current key of a ring, opens with whichever key sealed; from any thread."""

    def __init__(self, keys: KeyFile) -> None:
        self._keys = keys
        self._ciphers: tuple[KeyRing, dict[str, AESGCM]] = keys.ring, {}

    def seal(self, content: bytes, aad: bytes, *, compress: bool = True) -> bytes:
        """`content`, sealed for the row that `aad` names."""
        flags = 0
        if compress and len(content) >= _WORTH_COMPRESSING:
            compressed = igzip_lib.compress(content, _LEVEL, flag=igzip_lib.COMP_ZLIB, mem_level=_WORK_SPACE)
            if len(compressed) < len(content):
                content, flags = compressed, _COMPRESSED
        ring = self._keys.ring
        key_id = ring.current.encode()
        header = bytes((VERSION, flags, len(key_id))) + key_id
        nonce = os.urandom(_NONCE_BYTES)
        return header + nonce + self._cipher(ring, ring.current).encrypt(nonce, content, header + aad)

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        """The content that was sealed for this row.

        Raises:
            KeyUnknown: its key is not in the ring.
            SealBroken: changed, cut, of another row, or not a sealed value at all.
        """
        if len(sealed) < _FIXED_BYTES:
            raise SealBroken("not a sealed value of a version that is known")
        version, flags, key_id_length = sealed[:_FIXED_BYTES]
        if version != VERSION or flags & ~_COMPRESSED:
            raise SealBroken("not a sealed value of a version that is known")
        start = _FIXED_BYTES + key_id_length
        header, nonce = sealed[:start], sealed[start : start + _NONCE_BYTES]
        if len(sealed) < start + _NONCE_BYTES + _TAG_BYTES or not header[_FIXED_BYTES:].isascii():
            raise SealBroken("cut")
        cipher = self._cipher(self._keys.ring, header[_FIXED_BYTES:].decode())
        try:
            content = cipher.decrypt(nonce, sealed[start + _NONCE_BYTES :], header + aad)
        except InvalidTag:
            raise SealBroken("changed, or sealed for another row") from None
        try:
            return isal_zlib.decompress(content) if flags & _COMPRESSED else content
        except _NOT_UNPACKED:
            raise SealBroken("sealed as it is, and cannot be unpacked") from None

    def _cipher(self, ring: KeyRing, key_id: str) -> AESGCM:
        of_ring, ciphers = self._ciphers
        if of_ring is not ring:  # a key that was removed must not stay in use here
            ciphers = {}
            self._ciphers = ring, ciphers
        cipher = ciphers.get(key_id)
        if cipher is None:
            cipher = ciphers[key_id] = AESGCM(ring.key(key_id))
        return cipher
