"""Per test a house and an installation of its own; workers run inside the test's process, or beside it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bridge.sandbox import RunningSandbox, SandboxOptions, running
from tests.integration.side_effects.installation import Installation, opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningSandbox]:
    """Nobody asks it anything: it is what the settings of an installation name."""
    async with running(SandboxOptions(state_dir=tmp_path_factory.mktemp("sandbox"))) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def site(
    sandbox: RunningSandbox, nats_url: str, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Installation]:
    """An installation with one worker, on NATS: its delay queue knows fractions of a second."""
    async with opened(sandbox, nats_url, tmp_path, monkeypatch) as installation, installation.worker():
        yield installation


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The pipelines of `rooms`, as an installer leaves them."""
    metadata = tmp_path / "site" / "rooms-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: rooms\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[gpconnect_bridge.pipelines]\nrooms = tests.integration.side_effects.rooms:rooms\n"
    )
    return metadata.parent
