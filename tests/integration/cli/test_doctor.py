"""What is said of a broker that gives no connection: the cause, and no password."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bridge.bus import try_connection
from bridge.errors import NoConnection
from tests.support.brokers import NatsNode, RabbitNode
from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.support.processes import bridge, child

_SECRET = "not-the-right-one"


@dataclass(frozen=True)
class _Rabbit:
    node: RabbitNode
    tls_port: int
    ca: Authority

    def tls(self, host: str, ca_file: Path) -> str:
        return f"amqps://guest:guest@{host}:{self.tls_port}/?cafile={ca_file}"


@pytest.fixture(scope="module")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Rabbit]:
    folder = tmp_path_factory.mktemp("doctor")
    ca = Authority(folder)
    server = ca.issue("broker", hosts=("localhost",))
    node, port = RabbitNode(folder / "rabbit"), free_port()
    with (node.directory / "rabbitmq.conf").open("a") as conf:
        conf.write(
            f"listeners.ssl.1 = 127.0.0.1:{port}\nssl_options.cacertfile = {ca.ca_file}\n"
            f"ssl_options.certfile = {server.cert_file}\nssl_options.keyfile = {server.key_file}\n"
            "ssl_options.verify = verify_none\n"
        )
    node.start()
    yield _Rabbit(node, port, ca)
    node.close()


async def cause(url: str) -> str:
    with pytest.raises(NoConnection) as refused:
        await try_connection(url)
    assert _SECRET not in str(refused.value)
    return refused.value.code


async def test_each_fault_of_rabbitmq_has_its_cause(rabbit, tmp_path):
    plain = f"127.0.0.1:{rabbit.node.port}"
    other = Authority(tmp_path, "Other Root CA")

    await try_connection(rabbit.node.url)
    await try_connection(rabbit.tls("localhost", rabbit.ca.ca_file))
    assert await cause(rabbit.tls("localhost", other.ca_file)) == "tls_certificate_unknown_ca"
    assert await cause(rabbit.tls("127.0.0.1", rabbit.ca.ca_file)) == "tls_certificate_wrong_name"
    assert await cause(rabbit.tls("localhost", tmp_path / "none.crt")) == "tls_file_unreadable"
    assert await cause(f"amqps://guest:guest@{plain}/") == "tls_wrong_version_number"
    assert await cause(f"amqp://guest:{_SECRET}@{plain}/") == "login_refused"
    assert await cause(f"amqp://guest:guest@{plain}/nowhere") == "virtual_host_refused"


async def test_an_expired_certificate_is_told(rabbit, tmp_path):
    async with _expired(rabbit.ca) as port:
        url = f"amqps://guest:guest@localhost:{port}/?cafile={rabbit.ca.ca_file}"
        assert await cause(url) == "tls_certificate_expired"


async def test_an_address_of_no_broker_we_know_is_told():
    assert await cause(f"kafka://user:{_SECRET}@127.0.0.1:{free_port()}") == "scheme_unknown"
    assert await cause(f"nats://user:{_SECRET}@:x") == "unknown"


@pytest.mark.parametrize("scheme", ["amqp", "nats"])
async def test_an_address_where_nobody_is_is_told(scheme):
    assert await cause(f"{scheme}://127.0.0.1:{free_port()}") == "connection_refused"
    assert await cause(f"{scheme}://localhost:{free_port()}") == "connection_refused"
    assert await cause(f"{scheme}://broker.invalid:5999") == "address_not_resolved"


@pytest.mark.parametrize(
    ("rule", "login"),
    [("token: right", _SECRET), ("user: site, password: right", f"site:{_SECRET}")],
    ids=["token", "user"],
)
async def test_a_login_that_nats_refuses_is_told(tmp_path, rule, login):
    node = NatsNode(tmp_path / "nats")
    with (node.directory / "nats.conf").open("a") as conf:
        conf.write(f"authorization {{ {rule} }}\n")
    node.start()
    try:
        assert await cause(f"nats://{login}@127.0.0.1:{node.port}") == "login_refused"
        await try_connection(f"nats://{login.replace(_SECRET, 'right')}@127.0.0.1:{node.port}")
    finally:
        node.close()


def test_doctor_names_the_cause(rabbit, sandbox_environment, tmp_path):
    wrong = sandbox_environment | {
        "BRIDGE_BUS_URL": f"amqp://guest:{_SECRET}@127.0.0.1:{rabbit.node.port}/",
        "BRIDGE_STATE_DIR": str(tmp_path / "state"),
        "COLUMNS": "200",
    }

    done = bridge("doctor", directory=tmp_path, environment=wrong)

    assert done.code == 1
    assert "the broker does not take this user, password or token (login_refused)" in done.text
    assert _SECRET not in done.text + done.errors


def test_a_worker_that_waits_says_why(rabbit, sandbox_environment, tmp_path):
    wrong = sandbox_environment | {
        "BRIDGE_BUS_URL": f"{rabbit.node.url}{_SECRET}",
        "BRIDGE_STATE_DIR": str(tmp_path / "state"),
    }
    log = tmp_path / "worker.log"

    with child("bridge", ["run"], environment=wrong, output=log, cwd=tmp_path) as worker:
        worker.wait_for("virtual_host_refused")
        worker.stop()

    told = [line for line in log.read_text().splitlines() if "broker_unreachable_because" in line]
    assert len(told) == 1
    assert "waiting_helps" in told[0]
    assert _SECRET not in log.read_text()


@asynccontextmanager
async def _expired(ca: Authority) -> AsyncIterator[int]:
    issued = ca.issue("expired", expired=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.cert_file, issued.key_file)

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]
