"""What this installation runs on: its settings with their source, its versions and its certificates."""

import os
import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from bridge.addresses import each_address, password_of, place_of
from bridge.credentials.known import known_certificates
from bridge.credentials.tls import CertificateFact
from bridge.errors import Misconfigured
from bridge.settings import Settings
from bridge.spine.tls import certificate_expiries
from bridge.values import dataclass

_MASKED: Final = "set, not shown"
_URLS: Final = frozenset({"BRIDGE_BUS_URL", "BRIDGE_LEDGER_URL"})
"""Those that may hold a password."""


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """One setting: its variable, its value (no secret in it), and whether it was set or is the default."""

    name: str
    value: str
    is_set: bool


def shown_settings(settings: Settings) -> Sequence[ShownSetting]:
    """Every setting, as this process has it; secrets are masked."""
    return [ShownSetting(name, _shown(name, value), name in os.environ) for name, value in _values(settings)]


def versions() -> dict[str, str]:
    """What runs: the bridge, and what it stands on."""
    parts = ("aio-pika", "nats-py", "sqlalchemy", "pydantic", "httpx", "starlette", "uvicorn")
    return {
        "bridge": version("gpconnect-bridge"),
        "python": platform.python_version(),
        **{part: version(part) for part in parts},
    }


def certificates(settings: Settings) -> Sequence[CertificateFact]:
    """The certificates towards Spine, broker and ledger, and the console's; what ends first in front."""
    others = known_certificates(settings, "bus", "ledger", "console")()
    return sorted([*certificate_expiries(settings.spine), *others], key=lambda each: each.expires_at)


def _values(settings: Settings) -> Iterator[tuple[str, Any]]:
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            for part in type(value).model_fields:
                yield f"BRIDGE_{name}_{part}".upper(), getattr(value, part)
        else:
            yield f"BRIDGE_{name}".upper(), value


def _shown(name: str, value: Any) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, SecretStr):
        return _MASKED
    if name in _URLS:
        return _without_password(str(value))
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _without_password(url: str) -> str:
    try:
        each = each_address(url, "")
    except Misconfigured:
        return _MASKED
    parts = urlsplit(each[0])
    # Alone, the user's place may hold a token (NATS); a query may hold a password (libpq).
    who = f"{parts.username}:{_MASKED}@" if password_of(each[0]) else f"{_MASKED}@" if parts.username else ""
    return f"{parts.scheme}://{who}{','.join(map(place_of, each))}{parts.path}"
