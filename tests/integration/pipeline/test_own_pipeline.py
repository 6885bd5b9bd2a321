"""A hospital's own pipeline, in a package outside this repository: the very text of pipelines/README.md."""

import re
import tomllib
from pathlib import Path
from uuid import uuid4

import pytest

from bridge.bus import open_bus
from bridge.sandbox import BY_NAME
from bridge.settings import Settings
from tests.support.hospital import hospital_on
from tests.support.processes import worker
from tests.support.requests import cloud_event, record_request

GUIDE = Path(__file__).parents[3] / "pipelines" / "README.md"


def block(language):
    found = re.search(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found
    return found.group(1)


@pytest.fixture
def package(tmp_path):
    """As an installer leaves it: a module, and the metadata beside it."""
    site = tmp_path / "site"
    metadata = site / "our_pipelines-1.0.dist-info"
    metadata.mkdir(parents=True)
    (site / "our_pipelines.py").write_text(block("python"))
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: our-pipelines\nVersion: 1.0\n")
    (group,) = tomllib.loads(block("toml"))["project"]["entry-points"].items()
    points = "\n".join(f"{name} = {target}" for name, target in group[1].items())
    (metadata / "entry_points.txt").write_text(f"[{group[0]}]\n{points}\n")
    return site


def test_it_is_about_twenty_lines():
    lines = [line for line in block("python").splitlines() if line.strip()]
    assert len(lines) <= 25


@pytest.mark.rabbit
@pytest.mark.asyncio(loop_scope="module")
async def test_it_runs_beside_the_engine_s_own(sandbox, rabbit_url, package, tmp_path, monkeypatch):
    environment = sandbox.environment | {
        "BRIDGE_BUS_URL": rabbit_url,
        "BRIDGE_BUS_PREFIX": f"t{uuid4().hex[:8]}",
        "BRIDGE_STATE_DIR": str(tmp_path),
        "PYTHONPATH": str(package),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with open_bus(Settings.load()) as bus, hospital_on(bus) as hospital:
        with worker(environment, output=tmp_path / "worker.log") as started:
            for scenario, statement in (
                ("rich_record", "active_allergies"),
                ("empty_record", "nothing_recorded"),
            ):
                request = cloud_event(record_request(BY_NAME[scenario].nhs_number))
                await hospital.ask(request, key="wristband.requested.v1")
                ((kind, event),) = await hospital.outcome(request["id"])
                assert kind == "wristband.ready.v1"
                assert event["data"]["statement"] == statement
                assert bool(event["data"]["names"]) == (statement == "active_allergies")
            assert started.stop() == 0
