"""The embedded bus: a real server, started, used, killed and left behind."""

import asyncio
import json
import os
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.errors import Error

from bridge.bus import open_bus
from bridge.bus.nats.embedded import embedded_nats
from bridge.bus.port import Done, QueueSpec
from bridge.errors import Misconfigured
from bridge.settings import BusSettings, Settings
from tests.integration.bus.conformance import Recorder
from tests.support.bus_sites import until

QUEUE = QueueSpec("gpconnect.structured_record", ("record.requested.v1",))

pytestmark = pytest.mark.nats


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("BRIDGE_BUS_URL", raising=False)
    return Settings(state_dir=tmp_path / "state", stop_grace=5)


async def test_messages_survive_the_process(settings: Settings) -> None:
    async with open_bus(settings) as bus:
        await bus.declare(QUEUE)
        await bus.send(QUEUE.keys[0], b"1", id="request-1", content_type="text/plain")
    async with open_bus(settings) as bus:
        await bus.declare(QUEUE)
        await bus.consume(QUEUE, handler := Recorder(Done()), concurrency=1)
        [delivery] = await handler.saw(1)
        assert await bus.ready()
    assert (delivery.id, delivery.body) == ("request-1", b"1")


async def test_a_record_of_several_megabytes_fits(settings: Settings) -> None:
    async with open_bus(settings) as bus:
        await bus.declare(QUEUE)
        await bus.publish("record.published.v1", bytes(5_000_000), id="1", content_type="text/plain")


async def test_every_message_is_synchronised_and_only_the_owner_may_look(tmp_path: Path) -> None:
    async with embedded_nats(tmp_path) as url:
        home = tmp_path / "jetstream"
        assert "sync_interval: always" in (home / "nats.conf").read_text()
        assert stat.S_IMODE((home / "nats.conf").stat().st_mode) == 0o600
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert "@127.0.0.1:" in url


async def test_nobody_connects_without_the_token(tmp_path: Path) -> None:
    async with embedded_nats(tmp_path) as url:
        stranger = Client()
        with pytest.raises(Error, match=r"(?i)authorization"):
            await stranger.connect(
                f"nats://{url.rpartition('@')[2]}", allow_reconnect=False, error_cb=_ignore
            )
        await stranger.close()


async def test_one_process_at_a_time(settings: Settings) -> None:
    async with open_bus(settings):
        with pytest.raises(Misconfigured, match="in use by another process"):
            async with open_bus(settings):
                pass


async def test_the_server_s_end_is_reported(tmp_path: Path) -> None:
    lost = asyncio.Event()
    async with embedded_nats(tmp_path, on_lost=lost.set):
        [ports] = (tmp_path / "jetstream").glob("*.ports")
        os.kill(_pid(ports), signal.SIGKILL)
        await lost.wait()


async def test_the_server_ends_with_its_parent(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from bridge.bus.nats.embedded import embedded_nats\n"
        "async def main():\n"
        "    async with embedded_nats(Path(sys.argv[1])):\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(tmp_path))
    home = tmp_path / "jetstream"
    await until(_ports_written(home))
    [ports] = home.glob("*.ports")
    server = _pid(ports)
    parent.kill()
    await parent.wait()
    await until(lambda: not _runs(server))


async def test_no_binary_is_a_fault_of_the_installation(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NATS_SERVER", str(tmp_path / "nothing"))
    with pytest.raises(Misconfigured, match="NATS_SERVER"):
        async with open_bus(settings):
            pass


async def test_a_server_that_does_not_start_is_a_fault_of_the_installation(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NATS_SERVER", "/bin/false")
    with pytest.raises(Misconfigured, match="did not start"):
        async with open_bus(settings):
            pass


@pytest.mark.parametrize("url", ["kafka://somewhere", "localhost:5672", ""])
async def test_a_bus_nobody_knows_is_a_fault_of_the_installation(settings: Settings, url: str) -> None:
    other = settings.model_copy(update={"bus": BusSettings(url=url)})
    with pytest.raises(Misconfigured, match="BRIDGE_BUS_URL"):
        async with open_bus(other):
            pass


def _ports_written(home: Path) -> Callable[[], bool]:
    def written() -> bool:
        for ports in home.glob("*.ports"):
            try:
                return bool(json.loads(ports.read_text())["nats"])
            except ValueError:
                return False
        return False

    return written


def _pid(ports: Path) -> int:
    return int(ports.stem.removeprefix("nats-server_"))


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"  # nobody collects it when the test runs as the first process of a container


async def _ignore(error: Exception) -> None:
    """The refusal is raised too."""
