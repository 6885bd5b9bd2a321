"""Secrets of one sandbox, made when it first starts and kept in its state folder; none is shipped."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

# Real registrations want 4096 bits; making such a key takes seconds, and nothing here needs the strength.
_KEY_BITS = 2048


@dataclass(frozen=True, slots=True)
class SandboxKeys:
    """What the worker is given, and what the servers check it against."""

    private_key_file: Path
    public_key: bytes
    sds_api_key: str
    patient_key: str


def keys_in(folder: Path) -> SandboxKeys:
    """The keys of `folder`; those that are missing are made, readable by the owner only."""
    folder.mkdir(parents=True, exist_ok=True)
    key_file = folder / "pds-private-key.pem"
    if not key_file.exists():
        made = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
        _write(
            key_file,
            made.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )
    private_key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
    public_key = private_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return SandboxKeys(key_file, public_key, _secret(folder / "sds-api-key"), _secret(folder / "patient-key"))


def _secret(file: Path) -> str:
    if not file.exists():
        _write(file, secrets.token_urlsafe(32).encode())
    return file.read_text(encoding="ascii")


def _write(file: Path, content: bytes) -> None:
    file.touch(mode=0o600)
    file.write_bytes(content)
