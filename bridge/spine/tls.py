"""TLS: mutual, 1.2 or later, and verification that nothing can switch off (SP-050 to SP-056).

Two contexts, because two kinds of server are called. Spine and what stands behind its proxy chain to
Spine's own root, and to nothing else. The national APIs (PDS, SDS) stand on the internet with public
certificates; where a site reaches them through Spine's network they may chain to Spine's root as well.
"""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bridge.credentials.tls import CertificateFact, expiries_of
from bridge.errors import Misconfigured
from bridge.settings import SpineSettings

CIPHERS: Final = "AESGCM+EECDH:AESGCM+EDH:AES256+EECDH:AES256+EDH"
"""The four groups of SP-052 in their order of preference. TLS 1.3 suites are not affected."""


def spine_context(spine: SpineSettings) -> ssl.SSLContext:
    """The context for the proxy: trusts `ca_file` alone, and checks revocation when a CRL is given.

    Without a CA file, which only the sandbox may leave out, the system's store is trusted.

    Raises:
        Misconfigured: when a file is not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if spine.ca_file is None:
        context.load_default_certs()
    return _finish(context, spine)


def directory_context(spine: SpineSettings) -> ssl.SSLContext:
    """The context for PDS and SDS: trusts the system's store, and Spine's root where there is one.

    Raises:
        Misconfigured: when a file is not what it should be.
    """
    return _finish(ssl.create_default_context(), spine, revocation=False)


def _finish(context: ssl.SSLContext, spine: SpineSettings, *, revocation: bool = True) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    if spine.ca_file is not None:
        _load(context, spine.ca_file, "BRIDGE_SPINE_CA_FILE")
    if revocation and spine.crl_file is not None:
        _load(context, spine.crl_file, "BRIDGE_SPINE_CRL_FILE")
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF  # SP-053: without a current list nothing verifies
    if spine.cert_file is not None:
        try:
            context.load_cert_chain(spine.cert_file, spine.key_file)
        except (ssl.SSLError, OSError):
            raise Misconfigured(
                "BRIDGE_SPINE_CERT_FILE and BRIDGE_SPINE_KEY_FILE: "
                "are not a PEM certificate chain and its private key"
            ) from None
    return context


def _load(context: ssl.SSLContext, file: Path, name: str) -> None:
    try:
        context.load_verify_locations(cafile=file)
    except (ssl.SSLError, OSError):
        raise Misconfigured(f"{name}: is not readable as PEM") from None


def spine_files(spine: SpineSettings) -> tuple[Path | None, ...]:
    """The files of the contexts: when one of them changes, they are to be made anew."""
    return spine.ca_file, spine.cert_file, spine.key_file, spine.crl_file


def certificate_facts(spine: SpineSettings) -> tuple[CertificateFact, ...]:
    """The expiry of each configured certificate, and of the revocation list, without which nothing verifies.

    Raises:
        Misconfigured: when a file holds nothing readable.
    """
    facts = list(certificate_expiries(spine))
    if spine.crl_file is not None:
        from cryptography import x509  # noqa: PLC0415 - as in `expiries_of`

        try:
            next_update = x509.load_pem_x509_crl(spine.crl_file.read_bytes()).next_update_utc
        except (ValueError, OSError):
            raise Misconfigured("BRIDGE_SPINE_CRL_FILE: holds no readable revocation list") from None
        if next_update is not None:
            facts.append(CertificateFact("BRIDGE_SPINE_CRL_FILE", next_update))
    return tuple(facts)


def certificate_expiries(spine: SpineSettings) -> Iterator[CertificateFact]:
    """When the configured certificates expire.

    Raises:
        Misconfigured: when a file holds no readable certificate.
    """
    return expiries_of({"BRIDGE_SPINE_CA_FILE": spine.ca_file, "BRIDGE_SPINE_CERT_FILE": spine.cert_file})
