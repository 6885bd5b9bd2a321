"""PostgreSQL with TLS of a private authority: who gets in, what is said of whoever does not, and what is replaced."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, text

from bridge.errors import Misconfigured
from bridge.ledger.access import DatabaseAccess
from bridge.ledger.errors import LedgerUnavailable
from bridge.ledger.opening import open_store
from bridge.ledger.storage.postgres import PostgresStore
from bridge.operations.surroundings import database
from bridge.settings import LedgerSettings, Settings
from tests.support.bus_sites import until
from tests.support.certificates import Authority
from tests.support.postgres import PostgresNode, administer

_RULES = """
host all bridge all trust
hostssl all certified all cert
hostssl all worker all scram-sha-256
"""


@dataclass(frozen=True)
class _Secured:
    node: PostgresNode
    ca: Authority
    password_file: Path

    def settings(
        self, role: str = "worker", host: str = "localhost", name: str = "ledger", **more: Any
    ) -> Settings:
        ledger = {"ca_file": self.ca.ca_file} | (
            {"password_file": self.password_file} if role == "worker" else {}
        )
        url = f"postgresql://{role}@{host}:{self.node.port}/{name}"
        return Settings(ledger=LedgerSettings(**({"url": url} | ledger | more)), sandbox=False)

    async def do(self, *statements: str) -> None:
        for statement in statements:
            await asyncio.to_thread(administer, self.node.url, statement)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Secured]:
    folder = tmp_path_factory.mktemp("access")
    node, ca = PostgresNode(), Authority(folder)
    node.secure(ca.issue("database", hosts=("localhost",)), ca.ca_file, _RULES)
    node.start()
    opened = _Secured(node, ca, folder / "password")
    opened.password_file.write_text("first\n")
    for statement in (
        "CREATE ROLE worker LOGIN PASSWORD 'first'",
        "CREATE ROLE certified LOGIN",
        "CREATE DATABASE ledger OWNER worker",
        "CREATE DATABASE closed",
        "REVOKE CONNECT ON DATABASE closed FROM PUBLIC",
    ):
        administer(node.url, statement)
    yield opened
    node.close()


@pytest.fixture(autouse=True)
async def refused_connections_end(secured: _Secured) -> AsyncIterator[None]:
    """The driver leaves a refused connection to say goodbye over TLS; libuv's loop is not closed meanwhile."""
    yield
    await until(lambda: not _is_connected_to(secured.node.port))


def _is_connected_to(port: int) -> bool:
    """Whether anybody on this machine has a connection there that is not closed yet, as Linux tells."""
    _heads, *lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()
    sockets = [line.split() for line in lines]
    return any(socket[2].endswith(f":{port:04X}") and socket[9] != "0" for socket in sockets)


async def refused(settings: Settings) -> str:
    """What is said at the start, and by the doctor."""
    with pytest.raises(Misconfigured) as fault:
        async with open_store(settings):
            pass
    [check] = await database(settings)
    assert not check.is_good
    assert check.detail == str(fault.value)
    assert "first" not in check.detail
    return check.detail


async def admitted(settings: Settings) -> bool:
    """Whether the connection is one with TLS."""
    assert settings.ledger.url is not None
    access = DatabaseAccess.of(settings, settings.ledger.url)
    store = PostgresStore(settings.ledger.url, access, connections=2)
    try:
        await store.check()
        return bool(await store.read(_is_secured))
    finally:
        await store.close()


def _is_secured(connection: Connection) -> Any:
    return connection.scalar(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))


async def test_a_password_out_of_a_file_and_a_certificate_each_let_a_worker_in(secured: _Secured):
    async with open_store(secured.settings()) as store:
        assert await store.read(_is_secured)
    await secured.do("GRANT worker TO certified")
    ours = secured.ca.issue("certified")
    certified = secured.settings("certified", cert_file=ours.cert_file, key_file=ours.key_file)
    assert await admitted(certified)


async def test_each_fault_is_told_apart(secured: _Secured, tmp_path: Path):
    other = Authority(tmp_path, "Other Root CA")
    theirs, ours = other.issue("certified"), secured.ca.issue("somebody")
    (tmp_path / "wrong").write_text("not this one")

    def certified(issued: Any) -> Settings:
        return secured.settings("certified", cert_file=issued.cert_file, key_file=issued.key_file)

    for settings, told in (
        (secured.settings(ca_file=other.ca_file), "its CA is not trusted here"),
        (secured.settings(host="127.0.0.1"), "it was issued to another address than the URL's"),
        (secured.settings(password_file=tmp_path / "wrong"), "the password is wrong"),
        (secured.settings(name="nowhere"), "there is no database of this name"),
        (secured.settings(name="closed"), "may not connect to this database: grant it CONNECT"),
        (secured.settings("certified"), "wants another client certificate"),
        (certified(ours), "wants another client certificate"),
    ):
        assert told in await refused(settings), told
    # Its alert is lost when it ends the link before we have read it.
    with pytest.raises(
        (Misconfigured, LedgerUnavailable), match=r"refuses our certificate|08003|ConnectionReset"
    ):
        await admitted(certified(theirs))


async def test_nothing_that_a_url_says_switches_verification_off(secured: _Secured):
    # The system does not trust our authority; 127.1 is a loopback address to nobody but the resolver.
    plain = secured.settings(host="127.1", ca_file=None)
    assert "its CA is not trusted here" in await refused(plain)
    for mode in ("disable", "allow", "prefer", "require", "verify-ca"):
        url = f"{plain.ledger.url}?sslmode={mode}"
        with pytest.raises(Misconfigured, match=f"sslmode={mode} is for the sandbox"):
            async with open_store(secured.settings(url=url, ca_file=None)):
                pass
    # On this machine, and in the sandbox, the URL has its way.
    here = f"postgresql://bridge@127.0.0.1:{secured.node.port}/ledger"
    for mode, is_secured in (("require", True), ("disable", False)):
        settings = secured.settings(url=f"{here}?sslmode={mode}", ca_file=None, password_file=None)
        assert await admitted(settings) is is_secured


async def test_a_password_that_was_replaced_is_that_of_the_next_connection(secured: _Secured):
    async with open_store(secured.settings()) as store:
        assert await store.read(_is_secured)
        await secured.do(
            "ALTER ROLE worker PASSWORD 'second'",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'worker'",
        )
        secured.password_file.write_text("second\n")

        async def works() -> bool:
            try:
                return bool(await store.read(_is_secured))
            except LedgerUnavailable:
                return False

        await until(works)
    with pytest.raises(Misconfigured, match="the password is wrong"):
        await admitted(secured.settings(password_file=None, password=SecretStr("first")))


async def test_a_server_without_tls_and_one_whose_certificate_expired_are_told(secured: _Secured):
    secured.node.secure(secured.ca.issue("late", expired=True), secured.ca.ca_file, _RULES)
    await secured.do("SELECT pg_reload_conf()")
    assert "it has expired" in await _sooner_or_later(secured.settings(), "it has expired")
    await secured.do("ALTER SYSTEM SET ssl = off", "SELECT pg_reload_conf()")
    assert "it speaks no TLS: switch its ssl on" in await _sooner_or_later(secured.settings(), "no TLS")


async def _sooner_or_later(settings: Settings, told: str) -> str:
    said = ""

    async def is_told() -> bool:
        nonlocal said
        [*checks] = await database(settings)
        said = checks[0].detail
        return told in said

    await until(is_told)
    return said
