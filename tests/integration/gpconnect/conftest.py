from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bridge.sandbox import RunningSandbox, SandboxOptions, running
from bridge.settings import Settings
from bridge.spine import Spine
from tests.integration.gpconnect.reception import Reception

MANY = "1000"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[RunningSandbox, Spine]]:
    folder = tmp_path_factory.mktemp("sandbox")
    with pytest.MonkeyPatch.context() as environment:
        async with running(SandboxOptions(state_dir=folder)) as sandbox:
            for name, value in sandbox.environment.items():
                environment.setenv(name, value)
            environment.setenv("BRIDGE_STATE_DIR", str(folder))
            environment.setenv("BRIDGE_PDS_RATE_PER_SECOND", MANY)
            environment.setenv(
                "BRIDGE_SPINE_CIRCUIT_FAILURES", MANY
            )  # one test's faults are not the next one's
            async with Spine.open(Settings.load()) as spine:
                yield sandbox, spine


@pytest_asyncio.fixture(loop_scope="module")
async def reception(opened: tuple[RunningSandbox, Spine]) -> Reception:
    """A sandbox as at its start."""
    sandbox, spine = opened
    sandbox.reset()
    return Reception(sandbox, spine)
