"""Fixtures that several folders share: the brokers, one node of each per session; the logs of the run."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import run_logs
from tests.support.brokers import NatsNode, RabbitNode

LAST = Path(__file__).parent / "integration" / "logs" / "test_whole_run.py"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks at the logs of the whole run comes after everything that writes some."""
    items.sort(key=lambda item: item.path == LAST)


@pytest.fixture(scope="session", autouse=True)
def log_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where every log line of this run is kept."""
    folder = tmp_path_factory.mktemp("logs")
    with run_logs.kept_in(folder):
        yield folder


@pytest.fixture(scope="session")
def rabbit_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitNode]:
    """A RabbitMQ node that a test may stop and restart; it leaves it running."""
    node = RabbitNode(tmp_path_factory.mktemp("rabbit"))
    node.start()
    yield node
    node.close()


@pytest.fixture(scope="session")
def rabbit_url(request: pytest.FixtureRequest) -> str:
    """Address of the RabbitMQ named in ``BRIDGE_TEST_AMQP_URL``, else of the private node."""
    named = os.environ.get("BRIDGE_TEST_AMQP_URL")
    if named:
        return named
    node: RabbitNode = request.getfixturevalue("rabbit_node")
    return node.url


@pytest.fixture(scope="session")
def nats_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsNode]:
    """A NATS server that a test may stop and restart; it leaves it running."""
    node = NatsNode(tmp_path_factory.mktemp("nats"))
    node.start()
    yield node
    node.close()


@pytest.fixture(scope="session")
def nats_url(nats_node: NatsNode) -> str:
    """Address of the private NATS server."""
    return nats_node.url
