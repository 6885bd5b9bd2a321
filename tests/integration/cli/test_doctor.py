"""What is said of a broker that gives no connection: the cause, and no password."""

import asyncio
import base64
import hashlib
import json
import shutil
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import structlog

from bridge.bus import open_bus, try_connection
from bridge.bus.access import Access
from bridge.errors import Misconfigured, NoConnection
from bridge.operations.doctor import examine_for_console
from bridge.settings import BusSettings, LedgerSettings, Settings
from tests.support.brokers import NatsNode, RabbitNode
from tests.support.bus_sites import until
from tests.support.certificates import Authority, Issued
from tests.support.nats_operator import NatsOperator
from tests.support.ports import free_port
from tests.support.processes import bridge, child
from tests.support.tcp_proxy import TcpProxy

_SECRET = "not-the-right-one"
_PASSWORD = ":guest@"


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
            "ssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = false\n"
            "auth_mechanisms.1 = PLAIN\nauth_mechanisms.2 = EXTERNAL\nssl_cert_login_from = common_name\n"
        )
        conf.write(f"load_definitions = {_definitions(folder / 'definitions.json')}\n")
    (node.directory / "enabled_plugins").write_text("[rabbitmq_auth_mechanism_ssl].\n")
    node.start()
    yield _Rabbit(node, port, ca)
    node.close()


def _definitions(file: Path) -> Path:
    """The users of the broker, with all rights; each has the password ``first``, but guest."""
    users = {"guest": "guest", "certified": "first", "rotated": "first"}
    rights = {"vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
    known = {
        "vhosts": [{"name": "/"}],
        "users": [{"name": name, "password_hash": _hash(word), "tags": ""} for name, word in users.items()],
        "permissions": [{"user": name} | rights for name in users],
    }
    file.write_text(json.dumps(known))
    return file


def _hash(password: str) -> str:
    salt = b"salt"
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


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
    with pytest.raises(Misconfigured, match="BRIDGE_BUS_URL: address 1 is not host or host:port") as refused:
        await try_connection(f"nats://user:{_SECRET}@:x")
    assert _SECRET not in str(refused.value)


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


async def test_each_address_is_looked_at_and_the_one_that_is_away_is_named(rabbit, postgres_server, tmp_path):
    here, away = f"127.0.0.1:{rabbit.node.port}", f"127.0.0.1:{free_port()}"
    database = urlsplit(postgres_server)
    user, at, server = database.netloc.rpartition("@")
    settings = Settings(
        sandbox=True,
        state_dir=tmp_path,
        bus=BusSettings(url=f"amqp://guest:guest@{away},{here}/"),
        ledger=LedgerSettings(url=database._replace(netloc=f"{user}{at}{away},{server}").geturl()),
    )
    found = {check.what: (check.is_good, check.detail) for check in await examine_for_console(settings)}
    assert found[f"bus (amqp) at {here}"] == (True, "takes connections")
    is_good, told = found[f"bus (amqp) at {away}"]
    assert not is_good
    assert told.startswith("away: ")
    assert "connection_refused" in told
    assert found["bus (amqp)"] == (True, "connected")
    assert found[f"ledger's server {away}"] == (False, "away: connection_refused")
    assert found[f"ledger's server {server}"] == (True, "takes writes")


_RIGHTS = {
    # configure, write, read; what the user may not do
    ("^none$", ".*", ".*"): "may not configure the exchange '{prefix}.requests'",
    (r"^{prefix}\.(requests|events)$", ".*", ".*"): "may not configure the queue '{prefix}.doctor.",
    (".*", "^amq.default$", ".*"): "may not write to the queue '{prefix}.doctor.",
    (".*", ".*", "^{prefix}.doctor"): "may not read from the exchange '{prefix}.requests'",
    (".*", ".*", "^{prefix}.requests$"): "may not read from the queue '{prefix}.doctor.",
    (".*", "^{prefix}", ".*"): "may not write to the exchange 'amq.default'",
    (".*", "^({prefix}.doctor|amq.default)", ".*"): "may not write to the exchange '{prefix}.events'",
}


@pytest.mark.timeout(300)  # each right is taken by a command of RabbitMQ, which starts a machine of its own
async def test_each_right_that_rabbitmq_does_not_give_is_named(rabbit):
    prefix = f"t{uuid4().hex[:8]}"
    rabbit.node.control("add_user", prefix, _SECRET)
    url = f"amqp://{prefix}:{_SECRET}@127.0.0.1:{rabbit.node.port}/"
    for rights, told in _RIGHTS.items():
        given = [right.replace("{prefix}", prefix) for right in rights]
        rabbit.node.control("set_permissions", prefix, *given)
        await try_connection(url)
        with pytest.raises(NoConnection) as refused:
            await try_connection(url, prefix=prefix, with_rights=True)
        assert refused.value.code == "no_rights"
        assert f"user '{prefix}' {told.format(prefix=prefix, with_rights=True)}" in str(refused.value)
    rabbit.node.control("set_permissions", prefix, f"^{prefix}", f"^({prefix}|amq.default$)", f"^{prefix}")
    await try_connection(url, prefix=prefix, with_rights=True)
    # Nothing is left of it but the two exchanges.
    assert prefix not in rabbit.node.control("list_queues", "name")
    assert rabbit.node.control("list_exchanges", "name").count(prefix) == 2


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ('publish: "t.>"', "may not publish to '$JS.API.STREAM.INFO.t_doctor'"),
        ('publish: {deny: "$JS.API.STREAM.CREATE.>"}', "may not publish to '$JS.API.STREAM.CREATE.t_doctor'"),
        ('publish: {deny: "$JS.ACK.>"}', "may not publish to '$JS.ACK.t_doctor.worker'"),
        ('subscribe: {deny: "_INBOX.>"}', "may not subscribe to '_INBOX."),
    ],
)
async def test_each_right_that_nats_does_not_give_is_named(tmp_path, rule, told):
    node = NatsNode(tmp_path / "nats")
    with (node.directory / "nats.conf").open("a") as conf:
        users = (
            f"{{user: site, password: {_SECRET}, permissions: {{{rule}}}}}, {{user: all, password: right}}"
        )
        conf.write(f"authorization {{ users: [{users}] }}\n")
    node.start()
    try:
        url = f"nats://site:{_SECRET}@127.0.0.1:{node.port}"
        await try_connection(url)
        with pytest.raises(NoConnection) as refused:
            await try_connection(url, prefix="t", with_rights=True)
        assert refused.value.code == "no_rights"
        assert f"user 'site' {told}" in str(refused.value)
        assert _SECRET not in str(refused.value)
        await try_connection(f"nats://all:right@127.0.0.1:{node.port}", prefix="t", with_rights=True)
    finally:
        node.close()


def test_doctor_and_a_worker_name_the_right_and_the_user(rabbit, sandbox_environment, tmp_path):
    rabbit.node.control("add_user", "reader", _SECRET)
    rabbit.node.control("set_permissions", "reader", "", "", ".*")
    environment = sandbox_environment | {
        "BRIDGE_BUS_URL": f"amqp://reader:{_SECRET}@127.0.0.1:{rabbit.node.port}/",
        "BRIDGE_STATE_DIR": str(tmp_path / "state"),
        "COLUMNS": "200",
    }
    log = tmp_path / "worker.log"

    done = bridge("doctor", directory=tmp_path, environment=environment)
    with child("bridge", ["run"], environment=environment, output=log, cwd=tmp_path) as worker:
        worker.wait_for("no_rights")
        worker.stop()

    assert done.code == 1
    assert "user 'reader' may not configure the exchange 'gpconnect.requests' (no_rights)" in done.text
    told = next(line for line in log.read_text().splitlines() if "no_rights" in line)
    assert "access to exchange 'gpconnect.requests' is refused for user 'reader'" in told
    assert _SECRET not in done.text + done.errors + log.read_text()


def test_a_certificate_that_nats_shows_and_nobody_trusts_is_told(sandbox_environment, tmp_path):
    ca, other = Authority(tmp_path), Authority(tmp_path, "Other Root CA")
    issued = ca.issue("nats", hosts=("localhost",))
    node = NatsNode(tmp_path / "nats")
    with (node.directory / "nats.conf").open("a") as conf:
        conf.write(f'tls {{ cert_file: "{issued.cert_file}", key_file: "{issued.key_file}" }}\n')
    node.start()
    known = sandbox_environment | {"BRIDGE_STATE_DIR": str(tmp_path / "state"), "COLUMNS": "200"}
    mistaken = known | {"SSL_CERT_FILE": str(other.ca_file)}  # the driver trusts the CAs of the system
    trusting = known | {"SSL_CERT_FILE": str(ca.ca_file)}
    log = tmp_path / "worker.log"

    def found(environment: dict[str, str], url: str) -> str:
        done = bridge("doctor", directory=tmp_path, environment=environment | {"BRIDGE_BUS_URL": url})
        return next(line for line in done.text.splitlines() if "bus (" in line)

    try:
        for scheme in ("nats", "tls"):
            url = f"{scheme}://localhost:{node.port}"
            assert "(tls_certificate_unknown_ca)" in found(mistaken, url)
            assert "(tls_certificate_wrong_name)" in found(trusting, f"{scheme}://127.0.0.1:{node.port}")
            assert "connected" in found(trusting, url)
        waiting = mistaken | {"BRIDGE_BUS_URL": url}
        with child("bridge", ["run"], environment=waiting, output=log, cwd=tmp_path) as worker:
            worker.wait_for("tls_certificate_unknown_ca")
            assert worker.stop() == 0
    finally:
        node.close()


@pytest.fixture(scope="module")
def of_another_ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An https server whose certificate no CA of ours has issued."""
    folder = tmp_path_factory.mktemp("another")
    issued = Authority(folder, "Other Root CA").issue("national", hosts=("localhost",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.cert_file, issued.key_file)
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://localhost:{server.server_port}"
        server.shutdown()


@pytest.mark.nats
def test_doctor_says_what_tls_objects_to_at_the_national_services(of_another_ca, environment, tmp_path):
    wrong = environment | {
        "BRIDGE_PDS_TOKEN_URL": f"{of_another_ca}/oauth2/token",
        "BRIDGE_SDS_URL": f"{of_another_ca}/FHIR/R4",
        "BRIDGE_SPINE_CA_FILE": str(Authority(tmp_path).ca_file),
    }

    done = bridge("doctor", directory=tmp_path, environment=wrong)

    assert done.code == 1
    assert "none drops messages" in done.text
    assert "the broker's" in done.text
    for what in ("PDS access token", "SDS own ASID of "):
        found = next(line for line in done.text.splitlines() if what in line)
        assert "FAILED" in found
        assert "the server's certificate is refused: its CA is not trusted here" in found


def test_a_worker_that_waits_says_why(rabbit, sandbox_environment, tmp_path):
    wrong = sandbox_environment | {
        "BRIDGE_BUS_URL": f"{rabbit.node.url}nowhere",
        "BRIDGE_STATE_DIR": str(tmp_path / "state"),
    }
    log = tmp_path / "worker.log"

    with child("bridge", ["run"], environment=wrong, output=log, cwd=tmp_path) as worker:
        worker.wait_for("virtual_host_refused")
        worker.stop()

    told = [line for line in log.read_text().splitlines() if "broker_unreachable_because" in line]
    assert len(told) == 1
    assert "waiting_helps" in told[0]
    # The driver may name the URL in a warning, if it is not stopped before it tries again.
    assert _PASSWORD not in log.read_text()


def _bus(url: str, ca: Authority, **more: Any) -> Settings:
    return Settings(bus=BusSettings(**({"url": url, "ca_file": ca.ca_file, "prefix": "access"} | more)))


_OUR_CERTIFICATE_REFUSED = (
    "tls_tlsv1_alert_unknown_ca",
    "tls_tlsv13_alert_certificate_required",
    "connection_broken",
)
"""What we see of it: the alert is lost when the link is reset before we have read it."""


async def _tried(settings: Settings) -> str:
    """Why the settings give no connection with all rights; empty when they do."""
    assert settings.bus.url is not None
    try:
        await try_connection(settings.bus.url, with_rights=True, access=Access.of(settings))
    except NoConnection as refused:
        told = refused
    else:
        return ""
    assert _SECRET not in str(told)
    return told.code


async def test_rabbitmq_is_signed_in_to_with_a_certificate_or_a_password_out_of_a_file(rabbit, tmp_path):
    other = Authority(tmp_path, "Other Root CA")
    (tmp_path / "right").write_text("first\n")
    (tmp_path / "wrong").write_text(_SECRET)

    def by_certificate(issued: Issued) -> Settings:
        url = f"amqps://localhost:{rabbit.tls_port}/"
        return _bus(url, rabbit.ca, cert_file=issued.cert_file, key_file=issued.key_file)

    def by_password(file: str = "right", host: str = "localhost", path: str = "/", **more: Any) -> Settings:
        url = f"amqps://certified@{host}:{rabbit.tls_port}{path}"
        return _bus(url, rabbit.ca, **({"password_file": tmp_path / file} | more))

    assert await _tried(by_certificate(rabbit.ca.issue("certified"))) == ""
    assert await _tried(by_certificate(rabbit.ca.issue("nobody"))) == "login_refused"
    assert await _tried(by_certificate(other.issue("certified"))) in _OUR_CERTIFICATE_REFUSED
    assert await _tried(by_password()) == ""
    assert await _tried(by_password("wrong")) == "login_refused"
    assert await _tried(by_password(host="127.0.0.1")) == "tls_certificate_wrong_name"
    assert await _tried(by_password(path="/nowhere")) == "virtual_host_refused"
    assert await _tried(by_password(ca_file=other.ca_file)) == "tls_certificate_unknown_ca"
    with pytest.raises(Misconfigured, match="no_verify_ssl: the broker's certificate is always verified"):
        await _tried(by_password(path="/?no_verify_ssl=1"))


async def test_a_certificate_that_was_replaced_is_shown_to_rabbitmq_by_the_next_connection(rabbit, tmp_path):
    ours = {"cert_file": tmp_path / "our.crt", "key_file": tmp_path / "our.key"}

    def show(user: str) -> None:
        issued = rabbit.ca.issue(user)
        shutil.copyfile(issued.cert_file, ours["cert_file"])
        shutil.copyfile(issued.key_file, ours["key_file"])

    show("certified")
    async with TcpProxy(f"amqps://127.0.0.1:{rabbit.tls_port}/") as proxy:
        settings = _bus(proxy.url.replace("127.0.0.1", "localhost"), rabbit.ca, **ours)
        async with open_bus(settings) as bus:
            show("rotated")
            proxy.cut()
            await until(bus.ready)
            users = await asyncio.to_thread(rabbit.node.control, "list_connections", "user")
    assert "rotated" in users.split()
    assert "certified" not in users.split()


async def test_a_password_that_is_put_right_lets_a_worker_in_that_waits(rabbit, tmp_path):
    password = tmp_path / "password"
    password.write_text(_SECRET)
    url = f"amqps://certified@localhost:{rabbit.tls_port}/"
    opening = open_bus(_bus(url, rabbit.ca, password_file=password))
    with structlog.testing.capture_logs() as logs:
        waiting = asyncio.create_task(opening.__aenter__())
        await until(lambda: any(line.get("cause") == "login_refused" for line in logs))
        password.write_text("first\n")
        bus = await waiting
    assert await bus.ready()
    await opening.__aexit__(None, None, None)


@pytest.fixture
def secured_nats(tmp_path: Path) -> Iterator[tuple[NatsNode, Authority]]:
    """A NATS server that wants a certificate of its clients."""
    ca, node = Authority(tmp_path), NatsNode(tmp_path / "nats")
    issued = ca.issue("nats", hosts=("localhost",))
    with (node.directory / "nats.conf").open("a") as conf:
        conf.write(
            f'tls {{ cert_file: "{issued.cert_file}", key_file: "{issued.key_file}", ca_file: "{ca.ca_file}", '
            "verify: true }\ninclude login.conf\n"
        )
    (node.directory / "login.conf").write_text("authorization { user: site, password: first }\n")
    node.start()
    yield node, ca
    node.close()


async def test_nats_is_shown_a_certificate_and_the_password_that_stands_in_a_file_now(secured_nats, tmp_path):
    node, ca = secured_nats
    other, ours = Authority(tmp_path, "Other Root CA"), ca.issue("worker")
    password = tmp_path / "password"
    password.write_text("first\n")
    (tmp_path / "wrong").write_text(_SECRET)

    def settings(host: str = "localhost", **more: Any) -> Settings:
        bus = {"cert_file": ours.cert_file, "key_file": ours.key_file, "password_file": password}
        return _bus(f"tls://site@{host}:{node.port}", ca, **(bus | more))

    assert await _tried(settings()) == ""
    assert await _tried(settings(password_file=tmp_path / "wrong")) == "login_refused"
    assert await _tried(settings(host="127.0.0.1")) == "tls_certificate_wrong_name"
    assert await _tried(settings(ca_file=other.ca_file)) == "tls_certificate_unknown_ca"
    assert await _tried(settings(cert_file=None, key_file=None)) in _OUR_CERTIFICATE_REFUSED

    async with open_bus(settings()) as bus:
        node.stop()
        (node.directory / "login.conf").write_text("authorization { user: site, password: second }\n")
        password.write_text("second\n")
        node.start()
        await until(bus.ready)


async def test_nats_takes_the_credentials_of_its_operator_and_no_others(tmp_path):
    node, operator = NatsNode(tmp_path / "nats"), NatsOperator()
    with (node.directory / "nats.conf").open("a") as conf:
        conf.write(operator.configuration)
    node.start()
    url = f"nats://127.0.0.1:{node.port}"

    def settings(creds_file: Path) -> Settings:
        return Settings(bus=BusSettings(url=url, creds_file=creds_file))

    try:
        assert await _tried(settings(operator.issue(tmp_path / "ours.creds"))) == ""
        assert await _tried(settings(NatsOperator().issue(tmp_path / "theirs.creds"))) == "login_refused"
        (tmp_path / "half.creds").write_text((tmp_path / "ours.creds").read_text()[:-60])
        with pytest.raises(Misconfigured, match="BRIDGE_BUS_CREDS_FILE: holds no JWT and seed"):
            await _tried(settings(tmp_path / "half.creds"))
    finally:
        node.close()


async def test_a_password_is_never_told_to_a_server_that_says_it_has_no_tls(tmp_path):
    heard = b""

    async def strip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        writer.write(
            b'INFO {"server_id":"x","version":"2.15.0","max_payload":1048576,"auth_required":true}\r\n'
        )
        heard += await reader.read(4096)
        writer.close()

    async with await asyncio.start_server(strip, "127.0.0.1", 0) as server:
        url = f"tls://site:{_SECRET}@127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert await cause(url) in ("connection_broken", "tls_error", "no_answer")
    assert heard.startswith(b"\x16\x03")  # it begins with TLS
    assert _SECRET.encode() not in heard


@asynccontextmanager
async def _expired(ca: Authority) -> AsyncIterator[int]:
    issued = ca.issue("expired", expired=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.cert_file, issued.key_file)

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]
