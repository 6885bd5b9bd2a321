"""Certificates and keys are replaced while requests are in flight, against servers that check them."""

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import structlog
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bridge.errors import Unavailable
from bridge.settings import SdsSettings, Settings, SpineSettings, SspSettings
from bridge.spine import Spine
from bridge.spine.interactions import STRUCTURED_RECORD
from bridge.spine.proxy import Sender
from bridge.spine.sds import PracticeEndpoint
from tests.integration.spine import world as worlds
from tests.support.certificates import Authority, Issued, rsa_key
from tests.support.http_server import HttpServer, Request, answer

PRACTICE = PracticeEndpoint("A82038", worlds.ROOT, worlds.PARTY_KEY, worlds.ASID, "2026-01-01T00:00:00Z")


@dataclass
class Site:
    """The files that an operator replaces."""

    ca_file: Path
    cert_file: Path
    key_file: Path

    @classmethod
    def at(cls, folder: Path, ca: Authority, client: Issued) -> "Site":
        site = cls(folder / "ca.pem", folder / "client.pem", folder / "client.key")
        shutil.copy(ca.ca_file, site.ca_file)
        site.use(client)
        return site

    def use(self, client: Issued) -> None:
        """One file after the other, as people do."""
        shutil.copy(client.cert_file, self.cert_file)
        shutil.copy(client.key_file, self.key_file)

    def trust(self, *authorities: Authority) -> None:
        self.ca_file.write_bytes(b"".join(authority.ca_file.read_bytes() for authority in authorities))

    def settings(self, world: worlds.World, proxy: HttpServer, **more: Any) -> Settings:
        spine = SpineSettings(
            ca_file=self.ca_file,
            cert_file=self.cert_file,
            key_file=self.key_file,
            allowed_hosts=("gp.example.nhs.uk",),
            **more,
        )
        return world.settings.model_copy(update={"spine": spine, "ssp": SspSettings(url=proxy.url)})


class Proxy:
    """A TLS server that demands a client certificate, and tells which one it was shown."""

    def __init__(self, ca: Authority, issued: Issued) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.context.load_verify_locations(ca.ca_file)
        self.context.load_cert_chain(issued.cert_file, issued.key_file)
        self.shown: list[str] = []
        self.hold: asyncio.Event | None = None

    async def handle(self, _request: Request, writer: asyncio.StreamWriter) -> None:
        certificate = writer.get_extra_info("ssl_object").getpeercert()
        name = dict(pair for rdn in certificate["subject"] for pair in rdn)["commonName"]
        self.shown.append(name)
        if self.hold is not None:
            await self.hold.wait()
        writer.write(answer(name.encode()))


async def call(spine: Spine) -> str:
    answered = await spine.proxy.call(
        PRACTICE, STRUCTURED_RECORD, sender=Sender(worlds.OWN_ASID, worlds.requester())
    )
    return answered.answer.body.decode()


async def until(spine: Spine, expected: str) -> None:
    """Call until the certificate named so is shown; no call may fail meanwhile."""
    while await call(spine) != expected:
        await asyncio.sleep(0.02)


@asynccontextmanager
async def loaded(spine: Spine, callers: int = 5) -> AsyncIterator[list[str]]:
    """Calls without a pause while the block runs; they must all succeed."""
    answered: list[str] = []
    is_over = False

    async def caller() -> None:
        while not is_over:
            answered.append(await call(spine))

    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(caller())
        yield answered
        is_over = True


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "Spine Root CA")


@pytest.fixture
async def world(pds_key: Path) -> AsyncIterator[worlds.World]:
    async with worlds.world(pds_key) as services:
        yield services


async def test_a_client_certificate_is_replaced_under_load(
    tmp_path: Path, ca: Authority, world: worlds.World
):
    site = Site.at(tmp_path, ca, ca.issue("old"))
    proxy = Proxy(ca, ca.issue("proxy"))
    async with (
        HttpServer(proxy.handle, tls=proxy.context) as server,
        Spine.open(site.settings(world, server)) as spine,
    ):
        async with loaded(spine) as answered:
            await until(spine, "old")
            site.use(ca.issue("new"))
            await until(spine, "new")
        after = len(answered)
        assert {await call(spine) for _ in range(10)} == {"new"}  # also where a connection was open before

    assert set(answered[:after]) == {"old", "new"}


async def test_requests_in_flight_end_as_they_began(tmp_path: Path, ca: Authority, world: worlds.World):
    site = Site.at(tmp_path, ca, ca.issue("old"))
    proxy = Proxy(ca, ca.issue("proxy"))
    proxy.hold = asyncio.Event()
    async with (
        HttpServer(proxy.handle, tls=proxy.context) as server,
        Spine.open(site.settings(world, server)) as spine,
    ):
        begun = asyncio.create_task(call(spine))
        while not proxy.shown:
            await asyncio.sleep(0.01)
        site.use(ca.issue("new"))
        held, proxy.hold = proxy.hold, None
        await until(spine, "new")
        held.set()

        assert await begun == "old"
        assert {await call(spine) for _ in range(3)} == {"new"}


@pytest.mark.duty("SP-053", "CS-018")
async def test_authorities_are_replaced_under_load(tmp_path: Path, ca: Authority, world: worlds.World):
    """Both are trusted while the proxy moves; then the old one no longer is, not even on an open connection."""
    new_ca = Authority(tmp_path, "New Root CA")
    site = Site.at(tmp_path, ca, ca.issue("consumer"))
    proxy = Proxy(ca, ca.issue("proxy"))
    async with (
        HttpServer(proxy.handle, tls=proxy.context) as server,
        Spine.open(site.settings(world, server)) as spine,
    ):
        async with loaded(spine):
            site.trust(ca, new_ca)
            site.use(ca.issue("consumer-2"))
            await until(spine, "consumer-2")  # so both authorities are in use
        site.trust(new_ca)
        with pytest.raises(Unavailable, match="tls_certificate_refused"):
            await until(spine, "never")
        moved = new_ca.issue("proxy")
        proxy.context.load_cert_chain(moved.cert_file, moved.key_file)

        assert await call(spine) == "consumer-2"


@pytest.mark.duty("SP-053")
async def test_a_certificate_that_is_revoked_while_we_run_is_refused(
    tmp_path: Path, ca: Authority, world: worlds.World
):
    issued = ca.issue("proxy")
    site = Site.at(tmp_path, ca, ca.issue("consumer"))
    crl_file = tmp_path / "current.crl"
    shutil.copy(ca.revocations(), crl_file)
    proxy = Proxy(ca, issued)
    async with (
        HttpServer(proxy.handle, tls=proxy.context) as server,
        Spine.open(site.settings(world, server, crl_file=crl_file)) as spine,
    ):
        assert await call(spine) == "consumer"
        shutil.copy(ca.revocations(issued), crl_file)
        with pytest.raises(Unavailable, match="tls_certificate_refused_23"):
            await until(spine, "never")


@pytest.mark.parametrize("spoilt", ["ca_file", "cert_file", "key_file"])
async def test_a_broken_file_keeps_the_old_one_in_use(
    tmp_path: Path, ca: Authority, world: worlds.World, spoilt: str
):
    site = Site.at(tmp_path, ca, ca.issue("old"))
    proxy = Proxy(ca, ca.issue("proxy"))
    async with (
        HttpServer(proxy.handle, tls=proxy.context) as server,
        Spine.open(site.settings(world, server)) as spine,
    ):
        before = spine.certificates()
        with structlog.testing.capture_logs() as lines:
            getattr(site, spoilt).write_text("nonsense")
            while not any(line["event"] == "reload_refused" for line in lines):
                assert await call(spine) == "old"
                await asyncio.sleep(0.02)

        assert spine.certificates() == before
        site.trust(ca)
        site.use(ca.issue("new"))
        await until(spine, "new")


async def test_until_when_certificates_can_be_used_is_known_and_follows_the_files(
    tmp_path: Path, ca: Authority, world: worlds.World
):
    late = ca.issue("late", expired=True)
    site = Site.at(tmp_path, ca, ca.issue("consumer"))
    proxy = Proxy(ca, ca.issue("proxy"))
    async with (
        HttpServer(proxy.handle, tls=proxy.context) as server,
        Spine.open(site.settings(world, server, crl_file=ca.revocations())) as spine,
    ):

        def left() -> dict[str, timedelta]:
            return {fact.setting: fact.expires_at - datetime.now(UTC) for fact in spine.certificates()}

        days = {name: round(time / timedelta(days=1)) for name, time in left().items()}
        assert days == {
            "BRIDGE_SPINE_CA_FILE": 30,
            "BRIDGE_SPINE_CERT_FILE": 10,
            "BRIDGE_SPINE_CRL_FILE": 1,
        }
        site.use(late)
        while left()["BRIDGE_SPINE_CERT_FILE"] > timedelta(0):
            await asyncio.sleep(0.05)


async def test_the_key_for_pds_is_replaced(tmp_path: Path, world: worlds.World):
    key_file = rsa_key(tmp_path)
    settings = world.settings.model_copy(
        update={"pds": world.settings.pds.model_copy(update={"key_file": key_file})}
    )
    world.token = answer({"access_token": "token-1", "expires_in": 1})  # so that each trace needs a new one

    def is_signed_with_the_file(body: bytes) -> bool:
        assertion = dict(pair.split("=", 1) for pair in body.decode().split("&"))["client_assertion"]
        key: Any = load_pem_private_key(key_file.read_bytes(), password=None)
        try:
            jwt.decode(
                assertion, key.public_key(), algorithms=["RS512"], audience=str(settings.pds.token_url)
            )
        except jwt.InvalidSignatureError:
            return False
        return True

    async with Spine.open(settings) as spine:
        await spine.pds.trace(worlds.NHS_NUMBER, organisation="RXX")
        assert is_signed_with_the_file(world.of("token")[-1].body)
        rsa_key(tmp_path)
        while not is_signed_with_the_file(world.of("token")[-1].body):
            await asyncio.sleep(0.05)
            await spine.pds.trace(worlds.NHS_NUMBER, organisation="RXX")


async def test_the_key_for_sds_is_replaced_and_an_empty_file_is_not_used(tmp_path: Path, world: worlds.World):
    file = tmp_path / "sds.key"
    file.write_text("first\n")
    settings = world.settings.model_copy(
        update={"sds": SdsSettings(url=world.settings.sds.url, api_key_file=file)}
    )

    async def used(spine: Spine) -> str:
        await spine.sds.practice(worlds.PRACTICE, STRUCTURED_RECORD)
        return world.of("sds.endpoint")[-1].headers["apikey"]

    async with Spine.open(settings) as spine:
        assert await used(spine) == "first"
        with structlog.testing.capture_logs() as lines:
            file.write_text("")
            while not any(line["event"] == "reload_refused" for line in lines):
                assert await used(spine) == "first"
                await asyncio.sleep(0.05)
        file.write_text("second\n")
        while await used(spine) != "second":
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("service", ["pds", "sds"])
@pytest.mark.parametrize("minutes", [0, 5, -60])
async def test_the_difference_of_the_clocks_is_known_from_an_answer(
    world: worlds.World, service: str, minutes: int
):
    moment = datetime.now(UTC) - timedelta(minutes=minutes)
    date = {"Date": moment.strftime("%a, %d %b %Y %H:%M:%S GMT")}
    world.pds = answer(worlds.pds_patient(), headers=date)
    world.endpoints = answer(
        {"resourceType": "Bundle", "entry": [{"resource": worlds.endpoint()}]}, headers=date
    )
    async with Spine.open(world.settings) as spine:
        assert spine.clock_skew() is None
        if service == "pds":
            await spine.pds.trace(worlds.NHS_NUMBER, organisation="RXX")
        else:
            await spine.sds.practice(worlds.PRACTICE, STRUCTURED_RECORD)

        assert spine.clock_skew() == pytest.approx(minutes * 60, abs=20)
