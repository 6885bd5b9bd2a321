"""Workers that share a ledger hold the same keys, or do not start."""

from pathlib import Path

import pytest

from bridge.engine.book import open_book
from bridge.errors import Misconfigured
from bridge.ledger.keys import add_key, create_ring
from bridge.settings import AuditSettings, PatientSettings, Settings, VaultSettings


@pytest.fixture
def first(settings: Settings, tmp_path: Path) -> Settings:
    """The settings of a worker, all of whose keys are files."""
    for name in ("vault", "audit"):
        create_ring(tmp_path / name)
    (tmp_path / "patient").write_text("the key of this site")
    return settings.model_copy(
        update={
            "vault": VaultSettings(keys_file=tmp_path / "vault"),
            "audit": AuditSettings(keys_file=tmp_path / "audit"),
            "patient": PatientSettings(key_file=tmp_path / "patient"),
        }
    )


async def start(settings: Settings) -> None:
    async with open_book(settings):
        pass


@pytest.mark.parametrize("name", ["vault", "audit", "patient"])
async def test_a_worker_with_another_key_does_not_start(first, tmp_path, name):
    await start(first)
    await start(first)
    other = tmp_path / "other"
    if name == "patient":
        other.write_text("the key of another site")
        changed = first.model_copy(update={"patient": PatientSettings(key_file=other)})
        setting = "BRIDGE_PATIENT_KEY"
    else:
        create_ring(other)
        kind = {"vault": VaultSettings, "audit": AuditSettings}[name]
        changed = first.model_copy(update={name: kind(keys_file=other)})
        setting = f"BRIDGE_{name.upper()}_KEYS_FILE"
    with pytest.raises(Misconfigured, match=setting) as refused:
        await start(changed)
    assert len(refused.value.problems) == 1
    await start(first)


async def test_another_key_under_a_known_name_is_refused(first, tmp_path):
    await start(first)
    key_id, _, _ = (tmp_path / "vault").read_text().partition(":")
    create_ring(tmp_path / "other")
    _, _, key = (tmp_path / "other").read_text().partition(":")
    (tmp_path / "vault").write_text(f"{key_id}:{key}")
    with pytest.raises(Misconfigured, match=f"key '{key_id}' is not the key of that name"):
        await start(first)


async def test_keys_are_rotated_and_the_old_ones_taken_out(first, tmp_path):
    await start(first)
    ring = tmp_path / "vault"
    old = ring.read_text()
    add_key(ring)
    await start(first)
    new = ring.read_text()
    ring.write_text(new.splitlines()[0])
    await start(first)
    ring.write_text(old)
    with pytest.raises(Misconfigured, match="lacks key"):
        await start(first)
