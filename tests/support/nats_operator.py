"""An operator of NATS with one account, and the credentials that it issues: what `nsc` does, in a few lines."""

import base64
import binascii
import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_SEED: Final = 18 << 3
_UNLIMITED: Final = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1)


@dataclass(frozen=True)
class Nkey:
    """A key of NATS; `kind` is the first letter of its public half: O, A or U."""

    kind: str
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def _prefix(self) -> int:
        return (ord(self.kind) - ord("A")) << 3

    @property
    def public(self) -> str:
        return _encoded(bytes([self._prefix]) + self.key.public_key().public_bytes_raw())

    @property
    def seed(self) -> str:
        first, second = _SEED | self._prefix >> 5, (self._prefix & 31) << 3
        return _encoded(bytes([first, second]) + self.key.private_bytes_raw())

    def jwt(self, subject: "Nkey", kind: str, **claims: Any) -> str:
        """What this key says of another one."""
        said = {
            "jti": secrets.token_hex(8),
            "iat": 1,
            "iss": self.public,
            "sub": subject.public,
            "name": kind,
        }
        said |= {"nats": {"type": kind, "version": 2} | claims}
        parts = f"{_part({'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{_part(said)}"
        return f"{parts}.{_text(self.key.sign(parts.encode()))}"


class NatsOperator:
    """Signs its account, which signs users."""

    def __init__(self) -> None:
        self._operator, self._account, self._system = Nkey("O"), Nkey("A"), Nkey("A")

    @property
    def configuration(self) -> str:
        """What a server has to know of it."""
        limits = _UNLIMITED | {"wildcards": True}
        stored = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
        account = self._operator.jwt(self._account, "account", limits=limits | stored)
        system = self._operator.jwt(self._system, "account", limits=limits)
        return (
            f'operator: "{self._operator.jwt(self._operator, "operator")}"\nresolver: MEMORY\n'
            f'resolver_preload: {{ {self._account.public}: "{account}", {self._system.public}: "{system}" }}\n'
            f"system_account: {self._system.public}\n"
        )

    def issue(self, file: Path) -> Path:
        """Credentials of a new user, as a file."""
        user = Nkey("U")
        jwt = self._account.jwt(user, "user", **dict.fromkeys(("subs", "data", "payload"), -1))
        file.write_text(
            f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
            "************************* IMPORTANT *************************\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n"
        )
        return file


def _encoded(key: bytes) -> str:
    return base64.b32encode(key + binascii.crc_hqx(key, 0).to_bytes(2, "little")).decode().rstrip("=")


def _part(claims: dict[str, Any]) -> str:
    return _text(json.dumps(claims).encode())


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
