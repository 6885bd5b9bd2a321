"""Who may fetch the data of large events: a file of names, each with the hash of a token."""

import re
import secrets
from hashlib import sha256
from pathlib import Path

from bridge.errors import Misconfigured
from bridge.settings import ClaimsSettings

_LINE = re.compile(r"(?P<name>[a-z0-9][a-z0-9.-]{0,63})\s+(?P<hash>[0-9a-f]{64})", re.ASCII)


def read_consumers(file: Path) -> dict[str, str]:
    """Who may fetch: the name of each consumer by the SHA-256 of its token.

    Raises:
        Misconfigured: the file cannot be read, or a line of it.
    """
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        raise Misconfigured("BRIDGE_CLAIMS_CONSUMERS_FILE: cannot be read") from None
    consumers: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line.strip())
        if found is None:
            raise Misconfigured(
                f"BRIDGE_CLAIMS_CONSUMERS_FILE: line {number} is not a name and the SHA-256 of a token"
            )
        consumers[found["hash"]] = found["name"]
    if not consumers:
        raise Misconfigured("BRIDGE_CLAIMS_CONSUMERS_FILE: names no consumer")
    return consumers


def add_consumer(file: Path, name: str) -> str:
    """Add a consumer to the file, or another token of one; the token, which is not kept anywhere.

    Raises:
        Misconfigured: the name is none, or the file cannot be read or written.
    """
    token = secrets.token_urlsafe(32)
    line = f"{name} {sha256(token.encode()).hexdigest()}\n"
    if _LINE.fullmatch(line.strip()) is None:
        raise Misconfigured("the name of a consumer is of lower-case letters, digits, dots and hyphens")
    if file.exists():
        read_consumers(file)
    try:
        with file.open("a", encoding="ascii") as stream:
            stream.write(line)
        file.chmod(0o600)
    except OSError as error:
        raise Misconfigured(f"{file.name}: cannot be written ({error.strerror})") from None
    return token


def claims_faults(settings: ClaimsSettings) -> list[str]:
    """What is wrong with the consumers' file; nothing when it is not used, or cannot be read at all."""
    if settings.url is None or settings.consumers_file is None or not settings.consumers_file.is_file():
        return []
    try:
        read_consumers(settings.consumers_file)
    except Misconfigured as fault:
        return list(fault.problems)
    return []
