import httpx
import pytest

from bridge.sandbox import SandboxOptions, running
from tests.integration.sandbox.consumer import Consumer


@pytest.fixture
def state_dir(tmp_path_factory):
    """One for the whole run: the keys are made once."""
    folder = tmp_path_factory.getbasetemp() / "sandbox-state"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
async def consumer(state_dir):
    async with (
        running(SandboxOptions(state_dir=state_dir)) as sandbox,
        httpx.AsyncClient(timeout=10, trust_env=False) as http,
    ):
        yield Consumer(sandbox, http)
