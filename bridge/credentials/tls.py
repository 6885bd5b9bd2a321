"""TLS of everything but Spine: 1.2 or later, and verification that nothing can switch off.

Of Spine see `bridge.spine.tls`: there no other authority is trusted, and ciphers and revocation are its own.
"""

import ssl
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol, Self

from bridge.credentials.reload import Reloaded
from bridge.errors import Misconfigured
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class CertificateFact:
    """Until when a file that is in use can be used.

    Attributes:
        setting: the variable that names the file.
        expires_at: UTC; the earliest of its certificates, or the next update of a revocation list.
    """

    setting: str
    expires_at: datetime


class TlsSettings(Protocol):
    """A group of settings with the files of one end of TLS."""

    @property
    def ca_file(self) -> Path | None:
        """Authorities of the other end."""

    @property
    def cert_file(self) -> Path | None:
        """Our chain."""

    @property
    def key_file(self) -> Path | None:
        """Its private key."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The files of one end of TLS, PEM.

    Attributes:
        prefix: of the variables that name them, such as ``BRIDGE_BUS``.
        ca: authorities that the other end's certificate may be of.
        cert: our certificate chain.
        key: its private key; None where the chain's file holds it too.
    """

    prefix: str
    ca: Path | None
    cert: Path | None
    key: Path | None

    @classmethod
    def of(cls, prefix: str, settings: TlsSettings) -> Self:
        """Those of a group of settings."""
        return cls(prefix, settings.ca_file, settings.cert_file, settings.key_file)

    @property
    def are_set(self) -> bool:
        """Whether there is any."""
        return any((self.ca, self.cert, self.key))

    def client(self) -> ssl.SSLContext:
        """For whoever connects. The other end's certificate must be of its host, and of our authority.

        Without one the authorities of the system are trusted.

        Raises:
            Misconfigured: a file is not what it should be.
        """
        if self.ca is None:
            context = ssl.create_default_context()
        else:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies, host name included
            self._trust(context)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._present(context)
        return context

    def server(self) -> ssl.SSLContext:
        """For whoever is connected to. With an authority, every client must show a certificate of it.

        Raises:
            Misconfigured: a file is not what it should be.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._present(context)
        if self.ca is not None:
            self._trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def renew(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """The same context of a server with what the files hold now: a port that is open keeps its context.

        An authority that was taken out counts until a restart.

        Raises:
            Misconfigured: a file is not what it should be; nothing is changed then.
        """
        self.server()
        self._present(context)
        self._trust(context)
        return context

    def renewed_client(self, name: str) -> Reloaded[ssl.SSLContext]:
        """What `client` makes, made anew when a file changes; `name` is the secret's in the log.

        Raises:
            Misconfigured: as `client`.
        """
        return Reloaded(name, (self.ca, self.cert, self.key), self.client)

    def renewed_server(self, name: str) -> Reloaded[ssl.SSLContext]:
        """One context for as long as a port is open, renewed when a file changes.

        Raises:
            Misconfigured: as `server`.
        """
        context = self.server()
        return Reloaded(name, (self.ca, self.cert, self.key), lambda: self.renew(context))

    def expiries(self) -> Iterator[CertificateFact]:
        """When the certificates in the files expire.

        Raises:
            Misconfigured: a file holds no readable certificate.
        """
        yield from expiries_of({f"{self.prefix}_CA_FILE": self.ca, f"{self.prefix}_CERT_FILE": self.cert})

    def _trust(self, context: ssl.SSLContext) -> None:
        if self.ca is None:
            return
        try:
            context.load_verify_locations(cafile=self.ca)
        except (ssl.SSLError, OSError):
            raise Misconfigured(f"{self.prefix}_CA_FILE: is not readable as PEM") from None

    def _present(self, context: ssl.SSLContext) -> None:
        if self.cert is None:
            return
        try:
            context.load_cert_chain(self.cert, self.key)
        except (ssl.SSLError, OSError):
            raise Misconfigured(
                f"{self.prefix}_CERT_FILE and {self.prefix}_KEY_FILE: "
                "are not a PEM certificate chain and its private key"
            ) from None


def expiries_of(files: Mapping[str, Path | None]) -> Iterator[CertificateFact]:
    """When the certificates in files expire, by the variables that name them: the earliest of each.

    Raises:
        Misconfigured: when a file holds no readable certificate.
    """
    for name, file in files.items():
        if file is None:
            continue
        from cryptography import x509  # noqa: PLC0415 - takes long to load, and the sandbox has no files

        try:
            certificates = x509.load_pem_x509_certificates(file.read_bytes())
        except (ValueError, OSError):
            raise Misconfigured(f"{name}: holds no readable certificate") from None
        yield CertificateFact(name, min(certificate.not_valid_after_utc for certificate in certificates))
