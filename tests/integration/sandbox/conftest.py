import httpx
import pytest
import pytest_asyncio

from bridge.sandbox import Rotas, SandboxOptions, running
from tests.integration.sandbox.consumer import Consumer
from tests.integration.sandbox.reception import Reception


@pytest.fixture(scope="session")
def state_dir(tmp_path_factory):
    """One for the whole run: the keys are made once."""
    return tmp_path_factory.mktemp("sandbox-state")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(state_dir):
    async with (
        running(SandboxOptions(state_dir=state_dir, rotas=Rotas(weeks=3))) as sandbox,
        httpx.AsyncClient(timeout=10, trust_env=False) as http,
    ):
        yield sandbox, http


@pytest_asyncio.fixture(loop_scope="module")
async def consumer(shared):
    """A consumer of a sandbox that is as at its start; it runs in the loop of the module."""
    sandbox, http = shared
    sandbox.reset()
    return Consumer(sandbox, http)


@pytest.fixture
def reception(consumer):
    """Whoever books for a hospital, at A99001."""
    return Reception(consumer)
