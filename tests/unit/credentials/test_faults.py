"""Half a credential, two of them, and verification that a URL switches off: each is refused by its variable."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from bridge.bus.access import AS_THE_URL_SAYS, Access
from bridge.bus.installed import make_bus
from bridge.credentials.faults import access_faults, is_on_this_machine
from bridge.engine.worker import check
from bridge.errors import Misconfigured
from bridge.ledger.access import DatabaseAccess
from bridge.settings import BusSettings, LedgerSettings, Settings

_FILE = Path("file")
_SECRET = "hunter2-of-the-site"
_BUS = "amqps://bridge@broker.example/"
_LEDGER = "postgresql://bridge@database.example/ledger"


def told(
    *, sandbox: bool = False, bus: dict[str, Any] | None = None, ledger: dict[str, Any] | None = None
) -> list[str]:
    settings = Settings(
        sandbox=sandbox, bus=BusSettings(**(bus or {})), ledger=LedgerSettings(**(ledger or {}))
    )
    return [fault.partition(":")[0] for fault in access_faults(settings)]


@pytest.mark.parametrize(
    ("bus", "faulty"),
    [
        ({"ca_file": _FILE, "password": "x"}, ["BRIDGE_BUS_CA_FILE", "BRIDGE_BUS_PASSWORD"]),
        ({"url": "amqp://bridge@broker.example/", "ca_file": _FILE}, ["BRIDGE_BUS_URL"]),
        ({"url": "amqps://bridge:word@broker.example/", "password_file": _FILE}, ["BRIDGE_BUS_URL"]),
        ({"url": f"{_BUS}?cafile=/ca.pem", "ca_file": _FILE}, ["BRIDGE_BUS_URL"]),
        ({"url": _BUS, "creds_file": _FILE}, ["BRIDGE_BUS_CREDS_FILE"]),
        ({"url": "tls://site@broker.example", "creds_file": _FILE}, ["BRIDGE_BUS_CREDS_FILE"]),
        ({"url": _BUS, "password_file": _FILE, "ca_file": _FILE}, []),
        ({"url": "amqps://bridge@a:5671,b:5671/", "password_file": _FILE, "ca_file": _FILE}, []),
        ({"url": "amqps://bridge:word@broker.example/?cafile=/ca.pem"}, []),
        ({"url": "tls://broker.example", "creds_file": _FILE, "ca_file": _FILE}, []),
    ],
)
def test_credentials_of_the_bus_are_whole_and_said_once(bus: dict[str, Any], faulty: list[str]):
    assert told(bus=bus) == faulty
    assert told(bus=bus, sandbox=True) == faulty


@pytest.mark.parametrize(
    ("ledger", "faulty"),
    [
        ({"cert_file": _FILE, "key_file": _FILE}, ["BRIDGE_LEDGER_CERT_FILE", "BRIDGE_LEDGER_KEY_FILE"]),
        ({"url": "postgresql://bridge:word@host/ledger", "password_file": _FILE}, ["BRIDGE_LEDGER_URL"]),
        ({"url": f"{_LEDGER}?password=word", "password": "x"}, ["BRIDGE_LEDGER_URL"]),
        ({"url": f"{_LEDGER}?sslrootcert=/ca.pem", "ca_file": _FILE}, ["BRIDGE_LEDGER_URL"]),
        ({"url": f"{_LEDGER}?sslmode=verify-full&sslrootcert=/ca.pem"}, []),
        ({"url": _LEDGER, "password_file": _FILE, "ca_file": _FILE}, []),
    ],
)
def test_credentials_of_the_ledger_are_whole_and_said_once(ledger: dict[str, Any], faulty: list[str]):
    assert told(ledger=ledger) == faulty
    assert told(ledger=ledger, sandbox=True) == faulty


@pytest.mark.parametrize(
    "parameter",
    [
        "no_verify_ssl=1",
        "no_verify_ssl=true",
        "no_verify_ssl=",
        "no_verify_ssl",
        "no_verify_ssl=00",
        "no_verify_ssl=1&no_verify_ssl=0",
        "no_verify_ssl=0&no_verify_ssl=1",
        "verify=0",
        "verify=false",
        "verify=false&verify=1",
    ],
)
def test_no_parameter_switches_the_broker_s_certificate_off_but_in_the_sandbox(parameter: str):
    bus = {"url": f"{_BUS}?{parameter}"}
    assert told(bus=bus) == ["BRIDGE_BUS_URL"]
    assert told(bus=bus, sandbox=True) == []
    with pytest.raises(Misconfigured, match="always verified"):
        Access.of(Settings(bus=BusSettings(**bus)))


@pytest.mark.parametrize("parameter", ["no_verify_ssl=0", "no_verify_ssl=0&no_verify_ssl=0", "verify=1"])
def test_a_parameter_that_leaves_verification_on_may_stand_there(parameter: str):
    assert told(bus={"url": f"{_BUS}?{parameter}"}) == []


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca"])
def test_no_mode_switches_the_database_s_certificate_off_but_on_this_machine(mode: str):
    assert told(ledger={"url": f"{_LEDGER}?sslmode={mode}"}) == ["BRIDGE_LEDGER_URL"]
    assert told(ledger={"url": f"{_LEDGER}?sslmode={mode}"}, sandbox=True) == []
    assert told(ledger={"url": f"postgresql://bridge@localhost/ledger?sslmode={mode}"}) == []


@pytest.mark.parametrize(
    ("url", "is_here"),
    [
        ("postgresql://bridge@127.0.0.1:5432/ledger", True),
        ("postgresql://bridge@[::1]:5432/ledger", True),
        ("postgresql://bridge:w%2Cord@localhost,127.0.0.2:5433/ledger", True),
        ("postgresql://bridge@%2Frun%2Fpostgresql/ledger", True),
        ("postgresql:///ledger?host=/run/postgresql", True),
        ("postgresql://localhost,database.example/ledger", False),
        ("postgresql://localhost/ledger?host=database.example", False),
        ("postgresql://localhost.example/ledger", False),
        ("postgresql://127.1/ledger", False),
        ("postgresql:///ledger", False),  # PGHOST, or a service, says where
    ],
)
def test_what_is_on_this_machine_needs_no_certificate(url: str, *, is_here: bool):
    assert is_on_this_machine(url) is is_here
    access = DatabaseAccess.of(Settings(ledger=LedgerSettings(url=url)), url)
    assert (access.tls is None) is is_here
    if access.tls is not None:
        context = access.tls()
        assert context.check_hostname
        assert context.verify_mode is ssl.CERT_REQUIRED
    in_sandbox = Settings(sandbox=True, ledger=LedgerSettings(url=url))
    assert DatabaseAccess.of(in_sandbox, url).tls is None


def test_a_bus_that_takes_all_by_its_url_is_not_given_what_it_would_ignore(monkeypatch: pytest.MonkeyPatch):
    made: list[str] = []

    def plain(url: str, *, prefix: str, on_lost: object) -> Any:
        made.append(f"{url} {prefix} {on_lost}")

    monkeypatch.setattr("bridge.bus.installed.bus_for", lambda _url: plain)
    make_bus("queue://host", prefix="p", on_lost=None, access=AS_THE_URL_SAYS)
    assert made == ["queue://host p None"]
    with pytest.raises(Misconfigured, match="the bus of queue:// takes no certificates"):
        make_bus("queue://host", prefix="p", on_lost=None, access=Access(password=lambda: "word"))


@pytest.mark.parametrize("password", [f"{_SECRET}\u2100", f"[{_SECRET}"])
@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("BRIDGE_BUS_URL", "amqp://u:{}@h/v"),
        ("BRIDGE_BUS_URL", "acme://u:{}@h/v"),
        ("BRIDGE_LEDGER_URL", "postgresql://u:{}@h/d"),
    ],
)
def test_an_address_that_cannot_be_read_is_told_without_its_password(name: str, url: str, password: str):
    settings = Settings.load(environ={name: url.format(password)})
    for look in (check, open_one):
        with pytest.raises(Misconfigured) as refused:
            look(settings)
        assert f"{name}: cannot be read" in str(refused.value)
        assert _SECRET not in str(refused.value)


def open_one(settings: Settings) -> None:
    """As each command does, also those that check no settings before."""
    if settings.bus.url is not None:
        Access.of(settings)
    if settings.ledger.url is not None:
        DatabaseAccess.of(settings, settings.ledger.url)
