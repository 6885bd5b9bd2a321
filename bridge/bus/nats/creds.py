"""Credentials of a NATS user, as its operator issues them: a JWT, and the seed of the key it is bound to.

The driver reads such files with a package of its own for the key; what it takes is one signature (Ed25519).
"""

import base64
import binascii
import re
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bridge.errors import Misconfigured
from bridge.values import dataclass

_SETTING: Final = "BRIDGE_BUS_CREDS_FILE"
_BLOCK: Final = re.compile(
    r"-{3,}BEGIN (?P<kind>NATS USER JWT|USER NKEY SEED)-{3,}\s*(?P<text>\S+)\s*-{3,}END (?P=kind)-{3,}"
)
_SEED: Final = 36
"""Bytes: two that say of what it is, the seed's 32, and two that check the others."""


@dataclass(frozen=True, slots=True)
class Creds:
    """What a user of NATS signs in with."""

    jwt: bytes
    key: Ed25519PrivateKey

    @classmethod
    def read(cls, file: Path) -> Self:
        """Those in a file.

        Raises:
            Misconfigured: it cannot be read, or holds none.
        """
        try:
            blocks = {found["kind"]: found["text"] for found in _BLOCK.finditer(file.read_text("ascii"))}
            seed = blocks["USER NKEY SEED"]
            decoded = base64.b32decode(seed + "=" * (-len(seed) % 8))
            whole, checked = decoded[:-2], int.from_bytes(decoded[-2:], "little")
            if len(decoded) != _SEED or binascii.crc_hqx(whole, 0) != checked:
                raise Misconfigured(f"{_SETTING}: the seed in it is not whole")
            return cls(blocks["NATS USER JWT"].encode(), Ed25519PrivateKey.from_private_bytes(whole[2:]))
        except OSError as error:
            raise Misconfigured(f"{_SETTING}: cannot be read ({error.strerror})") from None
        except (KeyError, ValueError):
            raise Misconfigured(f"{_SETTING}: holds no JWT and seed of a NATS user") from None

    def signature(self, nonce: str) -> bytes:
        """The server's nonce, signed."""
        return base64.b64encode(self.key.sign(nonce.encode()))
