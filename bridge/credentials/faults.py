"""What is wrong with how bus and ledger are to be reached: half a credential, two, or no verification.

Outside the sandbox nothing switches the verification of a certificate off, also no parameter of a URL.
"""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qs, urlsplit

from bridge.addresses import check_readable, password_of
from bridge.errors import Misconfigured
from bridge.settings import BusSettings, LedgerSettings, Settings

_VERIFIED: Final = {"no_verify_ssl": {"0"}, "verify": {"", "1", "true"}}
"""Parameters of a broker's URL, and what may stand there outside the sandbox.

The driver knows the first, takes the first of several values and verifies for exactly 0, not for an empty
one; people write the second."""
_BUS_FILES: Final = ("cafile", "capath", "cadata", "certfile", "keyfile")
_LEDGER_FILES: Final = ("sslrootcert", "sslcert", "sslkey")


def access_faults(settings: Settings) -> Iterator[str]:
    """Every fault, by the variable that is to be changed; no value is told."""
    yield from bus_faults(settings)
    yield from ledger_faults(settings)


def bus_faults(settings: Settings) -> Iterator[str]:
    """Of ``BRIDGE_BUS_…``."""
    bus = settings.bus
    given = _given(bus, "BUS", "creds_file")
    if bus.url is None:
        yield from (f"{name}: is of no use without BRIDGE_BUS_URL" for name in given)
        return
    if unreadable := _unreadable("BRIDGE_BUS_URL", bus.url):
        yield from unreadable
        return
    scheme, query = urlsplit(bus.url).scheme, _query(bus.url)
    if not settings.sandbox:
        yield from (
            f"BRIDGE_BUS_URL: {name}: the broker's certificate is always verified outside the sandbox"
            for name, harmless in _VERIFIED.items()
            if not harmless.issuperset(_every(bus.url).get(name, ()))
        )
    files = [name for name in given if name.endswith(("_CA_FILE", "_CERT_FILE", "_KEY_FILE"))]
    if files and scheme == "amqp":
        yield f"BRIDGE_BUS_URL: must be amqps:// with {files[0]}"
    if files:
        yield from _twice("BRIDGE_BUS_URL", query, _BUS_FILES)
    if (bus.password or bus.password_file) and password_of(bus.url):
        yield "BRIDGE_BUS_URL: has a password as well as BRIDGE_BUS_PASSWORD: leave one out"
    if bus.creds_file and scheme in ("amqp", "amqps"):
        yield "BRIDGE_BUS_CREDS_FILE: is of NATS, and BRIDGE_BUS_URL is not"
    elif bus.creds_file and (bus.password or bus.password_file or urlsplit(bus.url).username):
        yield "BRIDGE_BUS_CREDS_FILE: says who we are: leave user and password out"


def ledger_faults(settings: Settings) -> Iterator[str]:
    """Of ``BRIDGE_LEDGER_…``."""
    ledger = settings.ledger
    given = _given(ledger, "LEDGER")
    if ledger.url is None:
        yield from (f"{name}: is of no use without BRIDGE_LEDGER_URL" for name in given)
        return
    if unreadable := _unreadable("BRIDGE_LEDGER_URL", ledger.url):
        yield from unreadable
        return
    query = _query(ledger.url)
    mode = query.get("sslmode")
    files = [name for name in given if "_PASSWORD" not in name]
    if not settings.sandbox and mode not in (None, "verify-full") and not is_on_this_machine(ledger.url):
        yield (
            f"BRIDGE_LEDGER_URL: sslmode={mode} is for the sandbox and for this machine: "
            "leave it out, the server's certificate and its name are verified"
        )
    if files:
        yield from _twice("BRIDGE_LEDGER_URL", query, _LEDGER_FILES)
    if (ledger.password or ledger.password_file) and (
        password_of(ledger.url) or "password" in query or "passfile" in query
    ):
        yield "BRIDGE_LEDGER_URL: has a password as well as BRIDGE_LEDGER_PASSWORD: leave one out"


def is_on_this_machine(url: str) -> bool:
    """Whether a database's URL names sockets and loopback addresses alone."""
    netloc = urlsplit(url).netloc.rpartition("@")[2]
    places = [*netloc.split(","), *_query(url).get("host", "").split(",")]
    hosts = [host for place in places if (host := _host(place))]
    return bool(hosts) and all(_is_local(host) for host in hosts)


def has_mode(url: str) -> bool:
    """Whether a database's URL says itself how TLS is to be."""
    return "sslmode" in _query(url)


def _given(group: BusSettings | LedgerSettings, prefix: str, *more: str) -> list[str]:
    names = ("ca_file", "cert_file", "key_file", "password", "password_file", *more)
    return [f"BRIDGE_{prefix}_{name}".upper() for name in names if getattr(group, name) is not None]


def _unreadable(name: str, url: str) -> list[str]:
    """Whoever opens a connection is told here: Python's own error would tell the password."""
    try:
        check_readable(url, name)
    except Misconfigured as fault:
        return list(fault.problems)
    return []


def _query(url: str) -> dict[str, str]:
    return {name: values[-1] for name, values in _every(url).items()}


def _every(url: str) -> dict[str, list[str]]:
    """Each parameter with all its values: drivers do not agree which of several counts."""
    return parse_qs(urlsplit(url).query, keep_blank_values=True)


def _twice(url: str, query: dict[str, str], names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        if name in query:
            yield f"{url}: {name}: is said by {url.removesuffix('URL')}…_FILE: leave it out"


def _host(place: str) -> str:
    """The host of ``host:port``, of ``[::1]:5432``, or a folder of sockets, which may be quoted."""
    place = place.strip()
    if place.startswith("["):
        return place[1:].partition("]")[0]
    return place if place.startswith(("/", "%2F", "%2f")) else place.partition(":")[0]


def _is_local(host: str) -> bool:
    if host.startswith(("/", "%2F", "%2f")) or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
