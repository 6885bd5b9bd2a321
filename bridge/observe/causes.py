"""Why a connection failed, as a code and a sentence: what an engineer needs, and no address or password.

Each driver wraps what happened in errors of its own, whose texts name the broker and its user. So every
error in the chain of causes is examined, and texts are only searched for the fixed words of the protocols.
"""

import errno
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Final

from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """Why no connection could be made.

    Attributes:
        code: for logs and alerts.
        sentence: what it means, and what to look at.
        heals: whether waiting may cure it, as it does for a broker that is merely away.
    """

    code: str
    sentence: str
    heals: bool = False


NO_ANSWER: Final = Cause(
    "no_answer", "nothing answers at this address: is a firewall in between?", heals=True
)
_NOT_RESOLVED: Final = Cause("address_not_resolved", "the host's name is not known to DNS", heals=True)
_REFUSED: Final = Cause("connection_refused", "the host answers, but nothing listens at the port", heals=True)
_BROKEN: Final = Cause(
    "connection_broken",
    "the connection was opened and broke off: does the port speak the protocol, with or without TLS, "
    "and does it take our certificate?",
    heals=True,
)
_NO_FILE: Final = Cause("tls_file_unreadable", "a certificate or key file that the URL names cannot be read")
_LOGIN: Final = Cause("login_refused", "the broker does not take this user, password or token")
_NO_EXTERNAL: Final = Cause(
    "certificate_not_asked",
    "the broker takes no certificate for a user: enable EXTERNAL (rabbitmq_auth_mechanism_ssl), or name one",
)
_VIRTUAL_HOST: Final = Cause(
    "virtual_host_refused", "the virtual host does not exist, or the user has no rights to it, or it is full"
)
_TOO_FEW: Final = Cause(
    "too_few_servers",
    "fewer servers of the cluster are there than a stream is to have copies: see BRIDGE_BUS_REPLICAS",
    heals=True,
)
_FULL: Final = Cause(
    "storage_full",
    "the broker's storage, or a limit of it, is full: it takes nothing until there is room",
    heals=True,
)
_DAMAGED: Final = Cause(
    "storage_damaged", "the broker cannot read what it has stored: see its own log, and restore the store"
)
_WORDS: Final = (
    # RabbitMQ. What it says of a virtual host does not come through aiormq, which tells only of what it got
    # in the place of OpenOk.
    ("ACCESS_REFUSED", _LOGIN),
    ("['Connection.OpenOk'], got <Connection.Close", _VIRTUAL_HOST),
    ("NOT_ALLOWED", _VIRTUAL_HOST),
    # aiormq, of the mechanisms that it knows and the broker does not offer.
    ("['PLAIN', 'EXTERNAL']", _NO_EXTERNAL),
    # NATS
    ("uthorization Violation", _LOGIN),
    ("uthentication", _LOGIN),
    ("no suitable peers", _TOO_FEW),
    ("replicas > 1 not supported", _TOO_FEW),
    ("insufficient resources", _FULL),
    ("insufficient storage resources", _FULL),
    ("maximum bytes exceeded", _FULL),
    ("maximum messages exceeded", _FULL),
    ("no space left on device", _FULL),
    ("error creating store for consumer", _DAMAGED),
)

_NO_RIGHTS: Final = (
    # RabbitMQ
    (re.compile(r"(access to \w+ '[^']*') in vhost .*refused (for user '[^']*')"), "{0} is refused {1}"),
    # NATS
    (re.compile(r"(?i)permissions violation for (\w+ to \"[^\"]*\")"), "the user has no right to: {0}"),
)
"""What a broker says when the user lacks a right; the names of the user and of the thing help."""

_CERTIFICATE: Final[Mapping[int, tuple[str, str]]] = {
    # OpenSSL's numbers.
    3: ("no_revocation_list", "there is no revocation list of its issuer"),
    9: ("not_yet_valid", "it is not valid yet: is the clock right?"),
    10: ("expired", "it has expired"),
    12: ("revocation_list_expired", "the revocation list is out of date"),
    18: ("unknown_ca", "it is signed by itself, and not among the trusted ones"),
    19: ("unknown_ca", "its CA is not trusted here: is the CA file the right one?"),
    20: ("unknown_ca", "its CA is not trusted here: is the CA file the right one?"),
    21: ("unknown_ca", "its CA is not trusted here: is the CA file the right one?"),
    23: ("revoked", "it was revoked"),
    62: ("wrong_name", "it was issued to another name than the URL's"),
    64: ("wrong_name", "it was issued to another address than the URL's"),
}
_TOO_MANY_FILES: Final = frozenset({errno.EMFILE, errno.ENFILE})
_REFUSAL: Final = re.compile(r"tls_certificate_refused_(\d+)")
_TLS: Final = re.compile(r"\btls_\w+")


def cause_of(error: BaseException) -> Cause | None:
    """Why a connection failed; None when the error is of another kind."""
    chain = tuple(causes(error))
    for look in (_of_tls, _of_words, _of_address):
        for cause in chain:
            if found := look(cause):
                return found
    if any(isinstance(cause, TimeoutError) for cause in chain):
        return NO_ANSWER
    return _BROKEN if any(isinstance(cause, OSError | EOFError) for cause in chain) else None


def _of_tls(error: BaseException) -> Cause | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        code, words = _CERTIFICATE.get(error.verify_code, (str(error.verify_code), "it is not valid"))
        return Cause(f"tls_certificate_{code}", f"the server's certificate is refused: {words}")
    if isinstance(error, ssl.SSLError):
        return Cause(tls_code(error), tls_sentence(tls_code(error)))
    return None


def _of_words(error: BaseException) -> Cause | None:
    for words, sentence in _NO_RIGHTS:
        if found := words.search(str(error)):
            return Cause("no_rights", sentence.format(*found.groups()))
    return next((known for words, known in _WORDS if words in str(error)), None)


def _of_address(error: BaseException) -> Cause | None:
    if isinstance(error, socket.gaierror):
        return _NOT_RESOLVED
    # asyncio makes one error of the faults of several addresses, with nothing but their texts.
    if isinstance(error, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in str(error):
        return _REFUSED
    return _NO_FILE if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError) else None


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it came from, each once: a driver that raises a kept error again makes a circle."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def is_lack_of_files(error: BaseException) -> bool:
    """Whether this process, or its machine, had as many files open as it may: that says nothing of others."""
    return any(
        each.errno in _TOO_MANY_FILES
        for cause in causes(error)
        for each in (cause.exceptions if isinstance(cause, BaseExceptionGroup) else (cause,))
        if isinstance(each, OSError)
    )


def tls_code(error: ssl.SSLError) -> str:
    """A fault of TLS as a code; the number is OpenSSL's, as in the table above."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"tls_certificate_refused_{error.verify_code}"
    return f"tls_{(error.reason or 'error').casefold()}"


def tls_sentence(text: str) -> str:
    """What a code of `tls_code` in a text means, in words; empty when there is none in it."""
    if found := _REFUSAL.search(text):
        _, words = _CERTIFICATE.get(int(found[1]), ("", "it is not valid"))
        return f"the server's certificate is refused: {words}"
    if not (code := _TLS.search(text)):
        return ""
    if "wrong_version_number" in code[0]:
        return "the port does not speak TLS"
    if "alert" in code[0]:
        return "the server ended TLS: it refuses our certificate, or wants one"
    return "TLS could not be agreed with the server"
