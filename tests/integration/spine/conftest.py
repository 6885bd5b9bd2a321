from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.gpconnect import GpConnect
from bridge.spine import Spine
from tests.integration.spine import world as worlds
from tests.support.certificates import rsa_key


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
