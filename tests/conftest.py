"""Fixtures that several folders share: the brokers, one node of each per process; the logs of the run."""

import asyncio
import gc
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import uvloop
import xdist  # type: ignore[import-untyped]  # ships no types
from hypothesis import settings

from tests.support import run_logs
from tests.support.branches import Branches
from tests.support.brokers import NatsNode, RabbitNode
from tests.support.certificates import Authority
from tests.support.postgres import PostgresNode
from tests.support.whole_run import LogCheck, log_root

TESTS = Path(__file__).parent
# Each process keeps twelve thousand tests and what they load until its end: looking through all of it again and again for
# what may go was a fifth of what the tests cost.
gc.disable()
# These wait for most of their time, the longest first; all others compute.
WAIT = ("faults", "integration")
COMPUTE = ("contract", "fuzz")
OF_WORKERS = [
    TESTS / "integration" / name
    for name in ("bus", "engine", "gpconnect", "ledger", "pipeline", "side_effects", "spine")
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--branches", action="store_true", help="tell which branches tests of unit and contract take"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Processes of the run get the options of the one that started them."""
    if config.getoption("--branches"):
        settings.register_profile("brief", max_examples=20)
        settings.load_profile("brief")
        config.pluginmanager.register(Branches(config))


def pytest_sessionstart(session: pytest.Session) -> None:
    """One process looks at the logs of the whole run: the one that shows the results."""
    if not xdist.is_xdist_worker(session):
        session.config.pluginmanager.register(LogCheck())


def is_of_workers(item: pytest.Item) -> bool:
    """Whether a test is of what a worker is made of."""
    return any(folder in item.path.parents for folder in OF_WORKERS)


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """What workers are made of runs on their loop, what commands are made of on asyncio's."""
    if is_of_workers(item):
        return {"uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Several processes take files in this order: from the first to the last, some wait while others compute."""
    ranks = {TESTS / name: rank for rank, name in enumerate((*WAIT, *COMPUTE))}
    files = {
        path: next((ranks[up] for up in path.parents if up in ranks), len(ranks))
        for path in dict.fromkeys(item.path for item in items)
    }
    in_order = sorted(files, key=lambda path: files[path])
    waiting = [path for path in in_order if files[path] < len(WAIT)]
    computing = in_order[len(waiting) :]
    places = {path: place / len(kind) for kind in (waiting, computing) for place, path in enumerate(kind)}
    items.sort(key=lambda item: places[item.path])
    for item in filter(is_of_workers, items):
        # An error that a signal raises ends in libuv's loop: it would be logged, and the test go on.
        named = item.get_closest_marker("timeout")
        seconds = named.args if named is not None else (float(item.config.getini("timeout")),)
        item.add_marker(pytest.mark.timeout(*seconds, method="thread"), append=False)


def pytest_collection_finish() -> None:
    """From here on, look only through what the tests leave."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing here calls a public server: the system's authorities, which each start of a worker reads twice, are one."""
    folder = tmp_path_factory.mktemp("authority")
    os.environ |= {"SSL_CERT_FILE": str(Authority(folder).ca_file), "SSL_CERT_DIR": str(folder / "none")}


@pytest.fixture(scope="session", autouse=True)
def log_folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Where every log line of this process is kept."""
    folder = log_root(request.session) / xdist.get_xdist_worker_id(request)
    folder.mkdir(parents=True)
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


@pytest.fixture(scope="session")
def postgres_node() -> Iterator[PostgresNode]:
    """A PostgreSQL server that a test may kill and restart; it leaves it running."""
    node = PostgresNode()
    node.start()
    yield node
    node.close()


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> str:
    """The PostgreSQL named in ``BRIDGE_TEST_POSTGRES_URL``, else the private one."""
    named = os.environ.get("BRIDGE_TEST_POSTGRES_URL")
    return named or str(request.getfixturevalue("postgres_node").url)
