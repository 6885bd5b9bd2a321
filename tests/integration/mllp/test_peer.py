"""Connections to the peer: TLS that nothing switches off, and connections that are kept."""

import asyncio
import ssl
from contextlib import asynccontextmanager

import pytest

from bridge.errors import Misconfigured
from bridge.mllp.peer import Peer, PeerAway
from tests.support.certificates import Authority
from tests.support.mllp import a31, peer_at_work, settings_of


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def server_context(issued, client_authority=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.cert_file, issued.key_file)
    if client_authority is not None:
        context.load_verify_locations(client_authority.ca_file)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@asynccontextmanager
async def connected(folder, url, **settings):
    peer = Peer(settings_of(folder, BRIDGE_MLLP_PEER=url, **settings).mllp)
    try:
        yield peer
    finally:
        await peer.close()


async def send(peer, control_id="M1"):
    return await peer.send(a31(control_id), kind="ADT^A31", control_id=control_id)


async def test_a_connection_is_kept_and_one_that_the_peer_closed_is_made_anew(folder):
    async with peer_at_work() as site, connected(folder, f"mllp://127.0.0.1:{site.port}") as peer:
        for number in range(3):
            assert (await send(peer, f"M{number}")).is_accepted
        assert site.connections == 1
        port = site.port
    async with connected(folder, f"mllp://127.0.0.1:{port}") as peer:
        async with peer_at_work(lambda _message, _times: None, port=port):
            with pytest.raises(PeerAway, match="connection_broken"):
                await send(peer)
        async with peer_at_work(port=port):
            assert (await send(peer)).is_accepted


async def test_no_more_connections_than_the_site_allows_and_all_of_them_at_once(folder):
    async with (
        peer_at_work(delay=0.05) as site,
        connected(folder, f"mllp://127.0.0.1:{site.port}", BRIDGE_MLLP_CONNECTIONS="3") as peer,
    ):
        await asyncio.gather(*(send(peer, f"M{number}") for number in range(12)))
    assert (site.connections, site.most_at_once) == (3, 3)


async def test_tls_with_a_client_certificate(folder, authority):
    mine = authority.issue("us")
    settings = {
        "BRIDGE_MLLP_CA_FILE": str(authority.ca_file),
        "BRIDGE_MLLP_CERT_FILE": str(mine.cert_file),
        "BRIDGE_MLLP_KEY_FILE": str(mine.key_file),
    }
    tls = server_context(authority.issue("peer"), authority)
    async with peer_at_work(tls=tls) as site:
        async with connected(folder, f"mllps://localhost:{site.port}", **settings) as peer:
            assert (await send(peer)).is_accepted
        only_ca = {"BRIDGE_MLLP_CA_FILE": settings["BRIDGE_MLLP_CA_FILE"]}
        async with connected(folder, f"mllps://localhost:{site.port}", **only_ca) as peer:
            with pytest.raises(PeerAway):
                await send(peer)


@pytest.mark.parametrize("wrong", ["authority", "host", "expired", "no_tls"])
async def test_a_peer_that_is_not_who_it_should_be_gets_nothing(folder, authority, tmp_path, wrong):
    stranger = Authority(tmp_path, "Stranger")
    issued = {
        "authority": lambda: stranger.issue("peer"),
        "host": lambda: authority.issue("peer-elsewhere", hosts=("elsewhere.example.test",)),
        "expired": lambda: authority.issue("peer-expired", expired=True),
        "no_tls": lambda: None,
    }[wrong]()
    tls = issued and server_context(issued)
    settings = {"BRIDGE_MLLP_CA_FILE": str(authority.ca_file), "BRIDGE_MLLP_CONNECT_TIMEOUT": "0.5"}
    async with peer_at_work(tls=tls) as site:
        for sandbox in ("true", "false"):
            url = f"mllps://localhost:{site.port}"
            async with connected(folder, url, BRIDGE_SANDBOX=sandbox, **settings) as peer:
                with pytest.raises(PeerAway) as fault:
                    await send(peer)
            assert fault.value.reason.startswith("tls_") or wrong == "no_tls"
        assert site.messages == []


def test_a_certificate_that_is_none_is_told_of_by_its_setting(folder, tmp_path):
    (tmp_path / "ca.pem").write_text("no certificate")
    settings = settings_of(
        folder, BRIDGE_MLLP_PEER="mllps://localhost:1", BRIDGE_MLLP_CA_FILE=str(tmp_path / "ca.pem")
    )
    with pytest.raises(Misconfigured, match="BRIDGE_MLLP_CA_FILE"):
        Peer(settings.mllp)
