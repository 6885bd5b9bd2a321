"""TLS on every server, and client certificates where Spine asks for them (SP-P03)."""

import ssl

import httpx
import pytest

from bridge.sandbox import FaultKind, InjectedFault, SandboxOptions, Tls, running
from tests.integration.sandbox.certificates import Authority
from tests.integration.sandbox.consumer import Consumer

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBER = "9990000018"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "sandbox-ca")


@pytest.fixture
def options(authority, state_dir):
    cert_file, key_file = authority.issue("server")
    client_cert, client_key = authority.issue("client")
    tls = Tls(authority.file, cert_file, key_file, client_cert, client_key)
    return SandboxOptions(state_dir=state_dir, tls=tls)


def context(options, *, certificate=None, version=None):
    found = ssl.create_default_context(cafile=options.tls.ca_file)
    if certificate:
        found.load_cert_chain(*certificate)
    if version:
        found.minimum_version = found.maximum_version = version
    return found


def of_client(options):
    return options.tls.client_cert_file, options.tls.client_key_file


async def test_a_record_comes_over_mutual_tls(options):
    verify = context(options, certificate=of_client(options))
    async with running(options) as sandbox, httpx.AsyncClient(verify=verify, trust_env=False) as http:
        assert all(url.startswith("https://") for url in sandbox.urls.values())
        assert sandbox.environment["BRIDGE_SPINE_CA_FILE"] == str(options.tls.ca_file)
        assert sandbox.environment["BRIDGE_SPINE_CERT_FILE"] == str(options.tls.client_cert_file)
        consumer = Consumer(sandbox, http)
        assert (await consumer.pds(NUMBER)).status_code == 200
        assert (await consumer.record(NUMBER)).status_code == 200
        sandbox.fault(NUMBER, InjectedFault(FaultKind.RESET, at="proxy"))
        with pytest.raises(httpx.TransportError):
            await consumer.record(NUMBER)


async def test_proxy_and_practice_refuse_those_without_a_certificate(options):
    async with (
        running(options) as sandbox,
        httpx.AsyncClient(verify=context(options), trust_env=False) as http,
    ):
        consumer = Consumer(sandbox, http)
        assert (await consumer.pds(NUMBER)).status_code == 200
        root, asid = await consumer.route("A99001")
        with pytest.raises(httpx.TransportError):
            await consumer.record(NUMBER, root=root, asid=asid)
        with pytest.raises(httpx.TransportError):
            await http.get(root)
        assert not sandbox.calls.of("proxy")


async def test_a_foreign_certificate_is_refused(options, tmp_path):
    folder = tmp_path / "foreign"
    folder.mkdir()
    foreign = Authority(folder, "foreign-ca").issue("client")
    verify = context(options, certificate=foreign)
    async with running(options) as sandbox, httpx.AsyncClient(verify=verify, trust_env=False) as http:
        with pytest.raises(httpx.TransportError):
            await http.get(f"{sandbox.urls['proxy']}/x")
        assert not sandbox.calls.of("proxy")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
async def test_old_tls_and_plain_http_are_refused(options):
    old = context(options, certificate=of_client(options), version=ssl.TLSVersion.TLSv1_1)
    async with running(options) as sandbox:
        for verify, url in (
            (old, sandbox.urls["sds"]),
            (True, sandbox.urls["sds"].replace("https", "http")),
        ):
            async with httpx.AsyncClient(verify=verify, trust_env=False) as http:
                with pytest.raises(httpx.TransportError):
                    await http.get(f"{url}/Device")
        assert len(sandbox.calls) == 0
