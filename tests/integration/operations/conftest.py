"""The management API of RabbitMQ, for the tests that ask it."""

from dataclasses import dataclass

import httpx
import pytest

from tests.support.brokers import RabbitNode
from tests.support.certificates import Authority
from tests.support.ports import free_port


@dataclass(frozen=True)
class Apis:
    """The management API of one node, at two addresses.

    Attributes:
        plain: without TLS.
        secured: with it, for those alone who show a certificate of the authority.
        authority: of both ends.
    """

    plain: str
    secured: str
    authority: Authority


@pytest.fixture(scope="session")
def apis(rabbit_node: RabbitNode, tmp_path_factory: pytest.TempPathFactory) -> Apis:
    """Of the node that the tests share, switched on."""
    authority = Authority(tmp_path_factory.mktemp("management"))
    own = authority.issue("broker", hosts=("127.0.0.1",))
    plain, secured = free_port(), free_port()
    files = {"cacertfile": authority.ca_file, "certfile": own.cert_file, "keyfile": own.key_file}
    options = ", ".join(f'{{{name}, "{file}"}}' for name, file in files.items())
    proof = f"{{verify, verify_peer}}, {{fail_if_no_peer_cert, true}}, {options}"
    listening = (("tcp_config", plain, ""), ("ssl_config", secured, f", {proof}"))
    steps = (
        f"application:set_env(rabbitmq_management, {name}, "
        f'[{{port, {port}}}, {{ip, "127.0.0.1"}}{more}], [{{persistent, true}}])'
        for name, port, more in listening
    )
    rabbit_node.control("eval", f"{', '.join(steps)}.")
    rabbit_node.enable("rabbitmq_management")
    return Apis(f"http://127.0.0.1:{plain}", f"https://127.0.0.1:{secured}", authority)


@pytest.fixture(scope="session")
def api(apis: Apis) -> str:
    """Where it is without TLS."""
    return apis.plain


def admin(api: str) -> httpx.AsyncClient:
    """One who may ask it everything."""
    return httpx.AsyncClient(base_url=f"{api}/api/", auth=("guest", "guest"), trust_env=False, timeout=30)


async def done(client: httpx.AsyncClient, method: str, path: str, body: object = None) -> None:
    """Ask for a change; it must be made."""
    (await client.request(method, path, json=body)).raise_for_status()
