"""The bus of a URL is looked for among the packages that are installed."""

from pathlib import Path

import pytest

from bridge.bus.installed import ENTRY_POINTS, bus_for
from bridge.bus.nats.bus import NatsBus
from bridge.bus.rabbit.bus import RabbitBus
from bridge.errors import Misconfigured


def install(folder: Path, name: str, points: str) -> None:
    """A package's metadata, as an installer leaves it."""
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\n{points}\n")


@pytest.mark.parametrize(
    ("url", "factory"),
    [
        ("amqp://user:word@host/", RabbitBus),
        ("amqps://user:word@host/", RabbitBus),
        ("nats://host:4222", NatsBus),
        ("tls://host:4222", NatsBus),
        ("AMQP://host/", RabbitBus),
    ],
)
def test_ours_are_found_like_any_other(url: str, factory: object) -> None:
    assert bus_for(url) is factory


@pytest.mark.parametrize(
    "url", ["kafka://user:secret@host", "user:secret@host", "localhost:5672", "", "//host"]
)
def test_a_url_of_no_installed_bus_is_told_with_those_that_are(url: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        bus_for(url)
    assert "BRIDGE_BUS_URL: must begin with the scheme of an installed bus" in str(refused.value)
    assert "(amqp://, amqps://, nats://, tls://)" in str(refused.value)
    assert "secret" not in str(refused.value)
    assert "user" not in str(refused.value)


def test_two_packages_with_one_scheme_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "other-rabbit", "amqp = other_rabbit:Bus")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Misconfigured, match="two installed packages have a bus for amqp://"):
        bus_for("amqp://host/")
