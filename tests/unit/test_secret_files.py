"""The files of secrets are looked at alike: who may read them, and who may write to them."""

from pathlib import Path

import pytest

from bridge.errors import Misconfigured
from bridge.settings import Settings

NAMES = (
    "BRIDGE_PDS_KEY_FILE",
    "BRIDGE_SDS_API_KEY_FILE",
    "BRIDGE_SPINE_KEY_FILE",
    "BRIDGE_PATIENT_KEY_FILE",
    "BRIDGE_VAULT_KEYS_FILE",
    "BRIDGE_AUDIT_KEYS_FILE",
    "BRIDGE_CLAIMS_CONSUMERS_FILE",
    "BRIDGE_CLAIMS_KEY_FILE",
)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    found = {}
    for name in NAMES:
        found[name] = tmp_path / name
        found[name].write_text("secret")
        found[name].chmod(0o400)
        monkeypatch.setenv(name, str(found[name]))
    return found


def test_files_of_the_worker_and_its_group_are_fine(files: dict[str, Path]):
    files[NAMES[0]].chmod(0o440)
    assert Settings.load().exposed_secrets == ()


@pytest.mark.parametrize("name", NAMES)
def test_a_secret_that_everybody_may_read_is_named(files: dict[str, Path], name: str):
    files[name].chmod(0o404)
    assert Settings.load().exposed_secrets == (name,)


@pytest.mark.parametrize("name", NAMES)
def test_a_secret_that_everybody_may_write_to_is_refused(files: dict[str, Path], name: str):
    files[name].chmod(0o602)
    with pytest.raises(Misconfigured) as refused:
        Settings.load().check()
    said = [problem for problem in refused.value.problems if "may write" in problem]
    assert said == [f"{name}: every user of this machine may write to the file"]
