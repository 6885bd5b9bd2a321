"""Foreign clients that speak AMQP 1.0 to RabbitMQ: Qpid Proton (Python) and rhea (Node), each in a process of its own.

Proton comes from the distribution's package, for the distribution's Python. rhea is installed by npm into a folder of
the tests; Node is the one that Playwright brings.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aio_pika
import playwright

from tests.support import apt

HERE = Path(__file__).parent
PROTON_PACKAGE = "python3-qpid-proton"
RHEA = "rhea@3.0.5"
_PYTHON = "/usr/bin/python3"
_NODE = Path(playwright.__file__).parent / "driver" / "node"


class ClientMissingError(Exception):
    """A client that the tests need cannot be found or installed."""


def send(client: str, url: str, target: str, messages: Sequence[dict[str, Any]], folder: Path) -> list[str]:
    """Send each message; how each was settled.

    Args:
        client: ``proton`` or ``rhea``.
        url: of the broker, as for AMQP 0-9-1.
        target: the address of AMQP 1.0.
        messages: each with ``body`` and ``as`` (``data``, ``text``, ``value``: bytes as a value, ``map``), and perhaps
            ``id`` or ``uuid``, ``content_type``, ``properties``: a number under a name that ends in "time" is one,
            in milliseconds.
        folder: where npm may install.
    """
    command = _proton() if client == "proton" else [str(_NODE), str(HERE / "rhea_sender.js")]
    environment = os.environ | ({} if client == "proton" else {"NODE_PATH": _rhea(folder)})
    asked = json.dumps({"url": url, "target": target, "messages": list(messages)})
    done = subprocess.run(
        command, input=asked, env=environment, check=False, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    ends: list[str] = json.loads(done.stdout)
    return ends


def _proton() -> list[str]:
    if not apt.provided(PROTON_PACKAGE, has_proton):
        raise ClientMissingError(f"no Qpid Proton: install the package {PROTON_PACKAGE}")
    return [_PYTHON, str(HERE / "proton_sender.py")]


def has_proton() -> bool | None:
    tried = subprocess.run([_PYTHON, "-c", "import proton"], check=False, capture_output=True, timeout=60)
    return tried.returncode == 0 or None


def _rhea(folder: Path) -> str:
    modules = folder / "node_modules"
    if not modules.exists():
        npm = shutil.which("npm")
        if npm is None:
            raise ClientMissingError("no npm, which installs rhea")
        command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), RHEA]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    return str(modules)


async def release_of(url: str) -> int:
    """Which RabbitMQ it is: 3 with the plug-in, 4 without."""
    async with await aio_pika.connect(url) as connection:
        assert connection.transport is not None
        told = connection.transport.connection.server_properties
        return int(str(told["version"]).partition(".")[0])


def target(release: int, exchange: str, key: str) -> str:
    """The address under which AMQP 1.0 knows a routing key of an exchange."""
    return f"/exchange/{exchange}/{key}" if release == 3 else f"/exchanges/{exchange}/{key}"
