"""The management API of RabbitMQ, for the tests that ask it."""

import httpx
import pytest

from tests.support.brokers import RabbitNode
from tests.support.ports import free_port


@pytest.fixture(scope="session")
def api(rabbit_node: RabbitNode) -> str:
    """The management API of the node that the tests share, switched on."""
    port = free_port()
    own = f'[{{port, {port}}}, {{ip, "127.0.0.1"}}]'
    rabbit_node.control(
        "eval", f"application:set_env(rabbitmq_management, tcp_config, {own}, [{{persistent, true}}])."
    )
    rabbit_node.enable("rabbitmq_management")
    return f"http://127.0.0.1:{port}"


def admin(api: str) -> httpx.AsyncClient:
    """One who may ask it everything."""
    return httpx.AsyncClient(base_url=f"{api}/api/", auth=("guest", "guest"), trust_env=False, timeout=30)


async def done(client: httpx.AsyncClient, method: str, path: str, body: object = None) -> None:
    """Ask for a change; it must be made."""
    (await client.request(method, path, json=body)).raise_for_status()
