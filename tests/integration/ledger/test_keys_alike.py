"""Workers that share a ledger hold the same keys, or do not start."""

from pathlib import Path

import pytest

from bridge.engine.journal.opening import open_journal
from bridge.errors import Misconfigured
from bridge.ledger.keys import add_key, create_ring
from bridge.settings import AuditSettings, PatientSettings, Settings, VaultSettings
from tests.support.processes import bridge

WRONG_USAGE = 2


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
    async with open_journal(settings):
        pass


def with_another(first: Settings, name: str, file: Path) -> tuple[Settings, str]:
    """The same with another key of this name, which is made; and the setting that it is known by."""
    if name == "patient":
        file.write_text("the key of another site")
        return first.model_copy(update={"patient": PatientSettings(key_file=file)}), "BRIDGE_PATIENT_KEY"
    create_ring(file)
    kind = {"vault": VaultSettings, "audit": AuditSettings}[name]
    return first.model_copy(update={name: kind(keys_file=file)}), f"BRIDGE_{name.upper()}_KEYS_FILE"


def environment_of(settings: Settings) -> dict[str, str]:
    """What a command is told of the same installation."""
    told = {
        "BRIDGE_STATE_DIR": settings.state_dir,
        "BRIDGE_LEDGER_URL": settings.ledger.url,
        "BRIDGE_VAULT_KEYS_FILE": settings.vault.keys_file,
        "BRIDGE_AUDIT_KEYS_FILE": settings.audit.keys_file,
        "BRIDGE_PATIENT_KEY_FILE": settings.patient.key_file,
    }
    return {name: str(value) for name, value in told.items() if value is not None}


@pytest.mark.parametrize("name", ["vault", "audit", "patient"])
async def test_a_worker_with_another_key_does_not_start(first, tmp_path, name):
    await start(first)
    await start(first)
    changed, setting = with_another(first, name, tmp_path / "other")
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


@pytest.mark.parametrize("name", ["vault", "patient"])
async def test_the_ledger_is_kept_with_other_keys_once_somebody_says_so(first, tmp_path, name):
    await start(first)
    changed, setting = with_another(first, name, tmp_path / "other")

    for reason in ("", " "):
        refused = bridge(
            "keys", "adopt", "--reason", reason, directory=tmp_path, environment=environment_of(changed)
        )
        assert refused.code == WRONG_USAGE
    with pytest.raises(Misconfigured, match=setting):
        await start(changed)

    said = ("keys", "adopt", "--reason", "the old disk is lost", "--actor", "ann")
    done = bridge(*said, directory=tmp_path, environment=environment_of(changed))
    assert (done.code, done.text, done.errors) == (0, "", "")
    # The next worker that starts says which keys they are; those of before are another's now.
    await start(changed)
    await start(changed)
    with pytest.raises(Misconfigured, match=setting):
        await start(first)

    # It is in the trail, by whom and why.
    read = bridge("audit", "verify", directory=tmp_path, environment=environment_of(changed))
    assert read.code == 0, read.errors
    asked = ("audit", "export", "--since", "2020-01-01", "--until", "2100-01-01")
    written = bridge(*asked, directory=tmp_path, environment=environment_of(changed))
    assert written.code == 0, written.errors
    (entry,) = [line for line in written.text.splitlines() if "keys.adopted" in line]
    assert "the old disk is lost" in entry
    assert "ann" in entry
