"""What the ledger needs of whatever seals patient data."""

from typing import Protocol


class Sealer(Protocol):
    """Encrypts bodies before they are stored; `aad` names the row, so that a body opens nowhere else."""

    def seal(self, content: bytes, aad: bytes, *, compress: bool = True) -> bytes:
        """`content`, sealed for the row that `aad` names; of what is compressed already that is a waste."""

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        """The content that was sealed for this row."""
