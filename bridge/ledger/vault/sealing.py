"""What the ledger needs of whatever seals patient data."""

from typing import Final, Protocol

SEALED_IN_THE_LOOP: Final = 512 * 1024
"""Bytes up to which a body is compressed and sealed in the event loop. Of a record that takes 0.13 ms at
most, a fortieth of mapping it; a thread would cost more than it spares. With more, all others would wait."""


class Sealer(Protocol):
    """Encrypts bodies before they are stored; `aad` names the row, so that a body opens nowhere else."""

    def seal(self, content: bytes, aad: bytes, *, compress: bool = True) -> bytes:
        """`content`, sealed for the row that `aad` names; of what is compressed already that is a waste."""

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        """The content that was sealed for this row."""
