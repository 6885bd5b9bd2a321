"""Which certificates an installation has beside those for Spine, and until when each can be used."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal

from bridge.credentials.reload import Reloaded
from bridge.credentials.tls import CertificateFact, TlsFiles
from bridge.settings import ConsoleSettings, Settings

Owner = Literal["bus", "ledger", "claims", "console", "mllp", "listener"]
ALL: Final[tuple[Owner, ...]] = ("bus", "ledger", "claims", "console", "mllp", "listener")


def known_certificates(settings: Settings, *owners: Owner) -> Callable[[], Sequence[CertificateFact]]:
    """Until when the certificates of these groups of settings can be used; read again when a file changes.

    Raises:
        Misconfigured: a file holds no readable certificate.
    """
    ends = [end for owner in owners for end in _ends(settings, owner)]
    files = [file for end in ends for file in (end.ca, end.cert)]
    return Reloaded("certificates", files, lambda: [fact for end in ends for fact in end.expiries()])


def provider_files(console: ConsoleSettings) -> TlsFiles:
    """The files towards the console's OpenID provider."""
    return TlsFiles(
        "BRIDGE_CONSOLE_OIDC", console.oidc_ca_file, console.oidc_cert_file, console.oidc_key_file
    )


def _ends(settings: Settings, owner: Owner) -> Iterator[TlsFiles]:
    yield TlsFiles.of(f"BRIDGE_{owner}".upper(), getattr(settings, owner))
    if owner == "console":
        yield provider_files(settings.console)
