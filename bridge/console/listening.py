"""Where the console listens, and whether it may start there."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from bridge.console.sign_in.oidc import role_faults
from bridge.console.sign_in.users import read_users
from bridge.credentials.faults import access_faults
from bridge.environment import file_faults, files_of
from bridge.errors import Misconfigured
from bridge.operations.site import key_faults
from bridge.settings import ConsoleSettings, Settings
from bridge.values import dataclass

_USUAL_PORTS: Final = {"http": 80, "https": 443}
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Listening:
    """Where browsers reach the console.

    Attributes:
        url: without a slash at its end.
        hosts: values of Host that are answered.
        proxies: who may connect, where a proxy ends TLS; empty: everybody.
        is_secure: whether browsers come by TLS.
    """

    url: str
    hosts: frozenset[str]
    proxies: frozenset[str]
    is_secure: bool


def listening(settings: ConsoleSettings) -> Listening:
    """Where the console of these settings is reached."""
    scheme = "https" if settings.cert_file else "http"
    own = [f"{f'[{name}]' if ':' in name else name}:{settings.port}" for name in _LOOPBACK]
    url = settings.url.rstrip("/") if settings.url else f"{scheme}://{own[0]}"
    hosts = _named(url) if settings.url else own
    proxies = frozenset(str(address) for address in settings.proxies)
    return Listening(url, frozenset(hosts), proxies, is_secure=url.startswith("https:"))


def _named(url: str) -> list[str]:
    """What clients send as Host of this address: most leave its port out where it is the usual one."""
    parts = urlsplit(url)
    host, usual = parts.netloc.casefold(), _USUAL_PORTS.get(parts.scheme)
    if parts.port not in (None, usual):
        return [host]
    bare = host.removesuffix(f":{usual}")
    return [bare, f"{bare}:{usual}"]


def check(settings: Settings) -> None:
    """Whether the console may start with these settings.

    Raises:
        Misconfigured: with everything that is missing or unsafe.
    """
    problems = [
        *_file_faults(settings),
        *access_faults(settings),
        *_door_faults(settings),
        *_transport_faults(settings),
        *_address_faults(settings),
        *key_faults(settings),
    ]
    if not (settings.patient.key or settings.patient.key_file):
        problems.append("BRIDGE_PATIENT_KEY or BRIDGE_PATIENT_KEY_FILE: is required")
    if problems:
        raise Misconfigured(*problems)


def _file_faults(settings: Settings) -> Iterator[str]:
    files = files_of(settings, "bus", "ledger", "patient", "console")
    return file_faults({name: file for name, file in files.items() if file != settings.console.users_file})


def _door_faults(settings: Settings) -> Iterator[str]:
    console = settings.console
    if console.users_file is None and console.oidc_issuer is None:
        yield "BRIDGE_CONSOLE_USERS_FILE or BRIDGE_CONSOLE_OIDC_ISSUER: is required: nobody could sign in"
    if console.users_file is not None:
        try:
            if not read_users(console.users_file) and console.oidc_issuer is None:
                yield "BRIDGE_CONSOLE_USERS_FILE: has no user; bridge console user add makes one"
        except Misconfigured as fault:
            yield from fault.problems
    if console.oidc_issuer is None:
        return
    if not console.oidc_client_id:
        yield "BRIDGE_CONSOLE_OIDC_CLIENT_ID: is required with BRIDGE_CONSOLE_OIDC_ISSUER"
    if not (console.oidc_client_secret or console.oidc_client_secret_file):
        yield (
            "BRIDGE_CONSOLE_OIDC_CLIENT_SECRET or BRIDGE_CONSOLE_OIDC_CLIENT_SECRET_FILE: "
            "is required with BRIDGE_CONSOLE_OIDC_ISSUER"
        )
    yield from role_faults(settings)
    if urlsplit(console.oidc_issuer).scheme != "https" and not settings.sandbox:
        yield "BRIDGE_CONSOLE_OIDC_ISSUER: must be https outside the sandbox"
    if bool(console.oidc_cert_file) != bool(console.oidc_key_file):
        yield "BRIDGE_CONSOLE_OIDC_CERT_FILE and BRIDGE_CONSOLE_OIDC_KEY_FILE: set both or neither"


def _transport_faults(settings: Settings) -> Iterator[str]:
    console = settings.console
    if bool(console.cert_file) != bool(console.key_file):
        yield "BRIDGE_CONSOLE_CERT_FILE and BRIDGE_CONSOLE_KEY_FILE: set both or neither"
    if console.ca_file is not None and console.cert_file is None:
        yield "BRIDGE_CONSOLE_CA_FILE: is of no use without BRIDGE_CONSOLE_CERT_FILE"
    if not settings.sandbox and not _has_tls(console):
        yield (
            "BRIDGE_CONSOLE_CERT_FILE or BRIDGE_CONSOLE_PROXIES: is required outside the sandbox: passwords "
            "and records go this way"
        )


def _address_faults(settings: Settings) -> Iterator[str]:
    console = settings.console
    if console.url is None:
        if console.proxies or console.host not in _LOOPBACK:
            yield "BRIDGE_CONSOLE_URL: is required where browsers do not come by this machine's own address"
    elif urlsplit(console.url).scheme != "https" and not settings.sandbox:
        yield "BRIDGE_CONSOLE_URL: must be https outside the sandbox"
    elif not urlsplit(console.url).netloc:
        yield "BRIDGE_CONSOLE_URL: must be https://host[:port]"
    elif urlsplit(console.url).path not in ("", "/"):
        yield "BRIDGE_CONSOLE_URL: has no path: the console is at the root of its host"
    elif not _has_tls(console) and urlsplit(console.url).scheme == "https":
        yield "BRIDGE_CONSOLE_URL: is https, and neither a certificate nor a proxy is named"


def _has_tls(console: ConsoleSettings) -> bool:
    return bool(console.cert_file or console.proxies)
