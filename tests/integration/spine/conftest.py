from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bridge.gpconnect import GpConnect
from bridge.spine import Spine
from tests.integration.spine import world as worlds
from tests.support.certificates import Authority, rsa_key


@pytest.fixture(scope="module", autouse=True)
def machine_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A store of one authority in place of the machine's, which takes long to load and differs everywhere."""
    store = Authority(tmp_path_factory.mktemp("machine"), "Machine Root CA").ca_file
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SSL_CERT_FILE", str(store))
        environment.setenv("SSL_CERT_DIR", str(store.parent / "none"))
        yield


@pytest.fixture(scope="session")
def pds_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rsa_key(tmp_path_factory.mktemp("pds"))


@pytest.fixture
async def world(pds_key: Path) -> AsyncIterator[worlds.World]:
    async with worlds.world(pds_key) as services:
        yield services


@pytest.fixture
async def spine(world: worlds.World) -> AsyncIterator[Spine]:
    async with Spine.open(world.settings) as opened:
        yield opened


@pytest.fixture
async def gpconnect(spine: Spine) -> GpConnect:
    return GpConnect(spine)
