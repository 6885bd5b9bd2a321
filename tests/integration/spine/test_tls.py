import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.errors import FailureCode, Misconfigured, Unavailable
from bridge.settings import SpineSettings
from bridge.spine.http import Answer, Limits, Upstream
from bridge.spine.tls import certificate_expiries, directory_context, spine_context
from tests.integration.spine import world as worlds
from tests.support.certificates import Authority, Issued, rsa_key
from tests.support.http_server import HttpServer, always, answer

LIMITS = Limits(connect=5, read=5, write=5, call=5, response_bytes=1000, connections=1)


@pytest.fixture(scope="module")
def spine_ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("spine"), "Spine Root CA")


@pytest.fixture(scope="module")
def other_ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("other"), "Other Root CA")


@pytest.fixture(scope="module")
def client(spine_ca: Authority) -> Issued:
    return spine_ca.issue("consumer")


@pytest.fixture
def settings(spine_ca: Authority, client: Issued) -> SpineSettings:
    return SpineSettings(ca_file=spine_ca.ca_file, cert_file=client.cert_file, key_file=client.key_file)


def server_context(issued: Issued, ca: Authority) -> ssl.SSLContext:
    """Demands a client certificate of the same authority, as Spine does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.cert_file, issued.key_file)
    context.load_verify_locations(ca.ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@asynccontextmanager
async def calling(context: ssl.SSLContext) -> AsyncIterator[Upstream]:
    upstream = Upstream(
        "ssp",
        stage="spine",
        timeout_code=FailureCode.PROVIDER_TIMEOUT,
        fault_code=FailureCode.SPINE_ERROR,
        limits=LIMITS,
        tls=lambda: context,
    )
    try:
        yield upstream
    finally:
        await upstream.aclose()


async def call(client_side: ssl.SSLContext, server_side: ssl.SSLContext, host: str = "localhost") -> Answer:
    async with (
        HttpServer(always(answer(b"hello")), tls=server_side, host=host) as server,
        calling(client_side) as upstream,
    ):
        return await upstream.call("GET", server.url, interaction="test", trace_id="t", headers={})


async def fault(client_side: ssl.SSLContext, server_side: ssl.SSLContext, host: str = "localhost") -> str:
    with pytest.raises(Unavailable) as failed:
        await call(client_side, server_side, host)
    assert failed.value.code is FailureCode.SPINE_ERROR
    return failed.value.detail


@pytest.mark.duty("SP-050", "SP-056", "SP-038")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_both_sides_prove_who_they_are(
    settings: SpineSettings, spine_ca: Authority, version: ssl.TLSVersion
):
    server_side = server_context(spine_ca.issue("proxy"), spine_ca)
    server_side.minimum_version = server_side.maximum_version = version

    assert (await call(spine_context(settings), server_side)).body == b"hello"


@pytest.mark.duty("SP-050", "SP-056")
async def test_without_a_client_certificate_the_server_does_not_talk_to_us(spine_ca: Authority):
    nameless = SpineSettings(ca_file=spine_ca.ca_file)
    server_side = server_context(spine_ca.issue("proxy"), spine_ca)

    assert await fault(spine_context(nameless), server_side)  # an alert, or just the end


@pytest.mark.duty("SP-017")
@pytest.mark.parametrize("context", [spine_context, directory_context])
async def test_directories_on_spines_network_are_called_with_mutual_tls_as_well(
    settings: SpineSettings, spine_ca: Authority, context: object
):
    assert callable(context)
    server_side = server_context(spine_ca.issue("directory"), spine_ca)

    assert (await call(context(settings), server_side)).status == 200


@pytest.mark.duty("SP-017", "SP-030", "SP-039", "SP-050", "SP-056")
async def test_a_whole_request_over_mutual_tls(
    settings: SpineSettings, spine_ca: Authority, client: Issued, tmp_path: Path
):
    spine = settings.model_copy(update={"allowed_hosts": ("gp.example.nhs.uk",)})
    server_side = server_context(spine_ca.issue("everything"), spine_ca)
    async with (
        worlds.world(rsa_key(tmp_path), tls=server_side, sandbox=False, spine=spine) as world,
        worlds.client(world) as gpconnect,
    ):
        traced = await gpconnect.trace(worlds.patient(), requested_by=worlds.requester())
        answered = await gpconnect.structured_record(
            traced, wanted=worlds.WANTED, requested_by=worlds.requester()
        )

        assert world.server.url.startswith("https://")
        assert answered.bundle()["resourceType"] == "Bundle"


@pytest.mark.duty("SP-053", "CS-018", "SP-038")
async def test_a_certificate_of_another_authority_is_refused(
    settings: SpineSettings, spine_ca: Authority, other_ca: Authority
):
    server_side = server_context(other_ca.issue("proxy"), spine_ca)

    assert await fault(spine_context(settings), server_side) in (
        "tls_certificate_refused_20",  # unable to get the issuer
        "tls_certificate_refused_19",  # self-signed in the chain
    )


@pytest.mark.duty("SP-053", "CS-018")
async def test_authorities_of_the_machine_are_not_trusted_for_spine(
    settings: SpineSettings, other_ca: Authority, spine_ca: Authority, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(other_ca.ca_file))
    server_side = server_context(other_ca.issue("proxy"), spine_ca)

    assert (await call(directory_context(settings), server_side)).status == 200
    assert (await fault(spine_context(settings), server_side)).startswith("tls_certificate_refused")


@pytest.mark.duty("SP-053", "CS-018")
async def test_an_expired_certificate_is_refused(settings: SpineSettings, spine_ca: Authority):
    server_side = server_context(spine_ca.issue("late", expired=True), spine_ca)

    assert await fault(spine_context(settings), server_side) == "tls_certificate_refused_10"


@pytest.mark.duty("SP-054", "CS-018")
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_certificate_of_another_host_is_refused(
    settings: SpineSettings, spine_ca: Authority, host: str
):
    server_side = server_context(spine_ca.issue("elsewhere", hosts=("msg.example.nhs.uk",)), spine_ca)

    detail = await fault(spine_context(settings), server_side, host)
    assert detail in ("tls_certificate_refused_62", "tls_certificate_refused_64")


@pytest.mark.duty("SP-053", "CS-018")
async def test_a_revoked_certificate_is_refused(settings: SpineSettings, spine_ca: Authority):
    good, revoked = spine_ca.issue("good"), spine_ca.issue("revoked")
    checking = spine_context(settings.model_copy(update={"crl_file": spine_ca.revocations(revoked)}))

    assert (await call(checking, server_context(good, spine_ca))).status == 200
    assert await fault(checking, server_context(revoked, spine_ca)) == "tls_certificate_refused_23"


@pytest.mark.duty("SP-053")
async def test_a_revocation_list_of_another_authority_clears_nobody(
    settings: SpineSettings, spine_ca: Authority, other_ca: Authority
):
    checking = spine_context(settings.model_copy(update={"crl_file": other_ca.revocations()}))

    assert (
        await fault(checking, server_context(spine_ca.issue("proxy"), spine_ca))
        == "tls_certificate_refused_3"
    )


@pytest.mark.duty("SP-051")
@pytest.mark.parametrize("context", [spine_context, directory_context])
async def test_older_versions_are_refused(settings: SpineSettings, spine_ca: Authority, context: object):
    assert callable(context)
    server_side = server_context(spine_ca.issue("old"), spine_ca)
    server_side.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # this is a server of yesterday on purpose
        server_side.minimum_version = ssl.TLSVersion.TLSv1
        server_side.maximum_version = ssl.TLSVersion.TLSv1_1

    assert (await fault(context(settings), server_side)).startswith("tls_")


@pytest.mark.duty("SP-052")
@pytest.mark.parametrize(
    "cipher", ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-SHA384"]
)
async def test_the_ciphers_of_the_groups_are_spoken(
    settings: SpineSettings, spine_ca: Authority, cipher: str
):
    server_side = server_context(spine_ca.issue("proxy"), spine_ca)
    server_side.maximum_version = ssl.TLSVersion.TLSv1_2
    server_side.set_ciphers(cipher)

    assert (await call(spine_context(settings), server_side)).status == 200


@pytest.mark.duty("SP-052")
def test_the_four_groups_are_offered_in_their_order_and_nothing_weaker(settings: SpineSettings):
    names = [
        cipher["name"]
        for cipher in spine_context(settings).get_ciphers()
        if cipher["protocol"] == "TLSv1.2" or cipher["name"].startswith(("ECDHE", "DHE"))
    ]

    def first(*starts: str) -> int:
        return next(place for place, name in enumerate(names) if name.startswith(starts))

    assert all(name.startswith(("ECDHE-", "DHE-")) for name in names)
    assert not any(weak in name for name in names for weak in ("RC4", "3DES", "NULL", "MD5", "AES128-SHA"))
    assert first("ECDHE-ECDSA-AES256-GCM", "ECDHE-RSA-AES256-GCM") < first("DHE-RSA-AES256-GCM")
    assert first("DHE-RSA-AES256-GCM") < first("ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA")


def test_files_that_are_not_what_they_should_be_are_named(
    tmp_path: Path, settings: SpineSettings, spine_ca: Authority
):
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("not a certificate")
    foreign_key = spine_ca.issue("somebody").key_file

    for field, value, name in (
        ("ca_file", nonsense, "BRIDGE_SPINE_CA_FILE"),
        ("crl_file", nonsense, "BRIDGE_SPINE_CRL_FILE"),
        ("cert_file", nonsense, "BRIDGE_SPINE_CERT_FILE"),
        ("key_file", foreign_key, "BRIDGE_SPINE_KEY_FILE"),
    ):
        with pytest.raises(Misconfigured, match=name):
            spine_context(settings.model_copy(update={field: value}))


def test_expiries_are_readable_for_operators(tmp_path: Path, spine_ca: Authority, settings: SpineSettings):
    expired = spine_ca.issue("late", expired=True)
    found = certificate_expiries(settings.model_copy(update={"cert_file": expired.cert_file}))
    expiries = {fact.setting: fact.expires_at for fact in found}

    assert expiries["BRIDGE_SPINE_CA_FILE"] > datetime.now(UTC) > expiries["BRIDGE_SPINE_CERT_FILE"]
    assert not list(certificate_expiries(SpineSettings()))
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(Misconfigured, match="BRIDGE_SPINE_CA_FILE"):
        list(certificate_expiries(SpineSettings(ca_file=tmp_path / "empty.pem")))
