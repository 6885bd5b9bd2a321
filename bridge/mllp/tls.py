"""TLS of both directions: 1.2 or later, and verification that nothing can switch off."""

import ssl
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from bridge.errors import Misconfigured
from bridge.settings import ListenerSettings, MllpSettings
from bridge.spine.tls import expiries_of


def peer_context(settings: MllpSettings) -> ssl.SSLContext:
    """For the connections to the peer, whose certificate has to be of its host and of the authority set.

    Raises:
        Misconfigured: a file is not what it should be.
    """
    context = ssl.create_default_context() if settings.ca_file is None else _without_authorities()
    if settings.ca_file is not None:
        _trust(context, settings.ca_file, "BRIDGE_MLLP_CA_FILE")
    if settings.cert_file is not None:
        _present(context, settings.cert_file, settings.key_file, "BRIDGE_MLLP")
    return context


def listener_context(settings: ListenerSettings) -> ssl.SSLContext | None:
    """For the listener: None where it has no certificate. With an authority, every client must show its own.

    Raises:
        Misconfigured: a file is not what it should be.
    """
    if settings.cert_file is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _present(context, settings.cert_file, settings.key_file, "BRIDGE_LISTENER")
    if settings.ca_file is not None:
        _trust(context, settings.ca_file, "BRIDGE_LISTENER_CA_FILE")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def renew_listener_context(context: ssl.SSLContext, settings: ListenerSettings) -> ssl.SSLContext:
    """The same context with what the files hold now. An authority that was taken out counts until a restart.

    Raises:
        Misconfigured: a file is not what it should be; nothing is changed then.
    """
    if settings.cert_file is not None and listener_context(settings) is not None:
        _present(context, settings.cert_file, settings.key_file, "BRIDGE_LISTENER")
    if settings.ca_file is not None:
        _trust(context, settings.ca_file, "BRIDGE_LISTENER_CA_FILE")
    return context


def expiries(mllp: MllpSettings, listener: ListenerSettings) -> Iterator[tuple[str, datetime]]:
    """When the configured certificates expire, by variable name: the earliest of each file, in UTC.

    Raises:
        Misconfigured: a file holds no readable certificate.
    """
    return expiries_of(
        {
            "BRIDGE_MLLP_CA_FILE": mllp.ca_file,
            "BRIDGE_MLLP_CERT_FILE": mllp.cert_file,
            "BRIDGE_LISTENER_CA_FILE": listener.ca_file,
            "BRIDGE_LISTENER_CERT_FILE": listener.cert_file,
        }
    )


def _without_authorities() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies, host name included
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _trust(context: ssl.SSLContext, file: Path, name: str) -> None:
    try:
        context.load_verify_locations(cafile=file)
    except (ssl.SSLError, OSError):
        raise Misconfigured(f"{name}: is not readable as PEM") from None


def _present(context: ssl.SSLContext, cert_file: Path, key_file: Path | None, prefix: str) -> None:
    try:
        context.load_cert_chain(cert_file, key_file)
    except (ssl.SSLError, OSError):
        raise Misconfigured(
            f"{prefix}_CERT_FILE and {prefix}_KEY_FILE: are not a PEM certificate chain and its private key"
        ) from None
