"""A sandbox as the command runs it, one for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from dotenv import dotenv_values

from tests.support.ports import free_ports
from tests.support.processes import child


@pytest.fixture(scope="session")
def sandbox_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What ``bridge sandbox`` writes for a worker, while it runs."""
    folder: Path = tmp_path_factory.mktemp("cli-sandbox")
    arguments = ["sandbox", "--first-port", str(free_ports(4)), "--env-file", str(folder / "s.env")]
    with child("bridge", arguments, environment={}, output=folder / "sandbox.log", cwd=folder) as started:
        started.wait_for("The sandbox is ready.", printed=True)
        yield {name: value for name, value in dotenv_values(folder / "s.env").items() if value}
        assert started.stop() == 0


@pytest.fixture
def environment(sandbox_environment: dict[str, str], nats_url: str, tmp_path: Path) -> dict[str, str]:
    """For a worker and the commands around it, on a real bus, with names of this test alone."""
    return sandbox_environment | {
        "BRIDGE_BUS_URL": nats_url,
        "BRIDGE_BUS_PREFIX": f"t{uuid4().hex[:8]}",
        "BRIDGE_STATE_DIR": str(tmp_path / "state"),
        "BRIDGE_RETRY_FIRST_DELAY": "0.1",
        "COLUMNS": "200",
    }
