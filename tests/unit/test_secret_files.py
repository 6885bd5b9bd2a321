"""The files of secrets are looked at alike: who may read them, and who may write to them."""

from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel, SecretStr

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
    "BRIDGE_BUS_PASSWORD_FILE",
    "BRIDGE_BUS_MANAGEMENT_PASSWORD_FILE",
    "BRIDGE_BUS_KEY_FILE",
    "BRIDGE_BUS_CREDS_FILE",
    "BRIDGE_LEDGER_PASSWORD_FILE",
    "BRIDGE_LEDGER_KEY_FILE",
)
_PROPERTIES = {
    ("sds", "api_key"): "sds_api_key",
    ("patient", "key"): "patient_key",
    ("bus", "password"): "bus_password",
    ("bus", "management_password"): "management_password",
    ("ledger", "password"): "ledger_password",
    ("console", "oidc_client_secret"): "oidc_client_secret",
}
"""Every secret setting, and what reads it."""


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


def test_every_secret_has_its_file():
    groups = {name: field.annotation for name, field in Settings.model_fields.items()}
    secrets = {
        (group, name)
        for group, kind in groups.items()
        if isinstance(kind, type) and issubclass(kind, BaseModel)
        for name, field in kind.model_fields.items()
        if SecretStr in get_args(field.annotation)
    }
    assert secrets == _PROPERTIES.keys()


@pytest.mark.parametrize(("place", "reads"), _PROPERTIES.items(), ids=str)
def test_a_secret_is_what_stands_in_its_file_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: tuple[str, str], reads: str
):
    variable = f"BRIDGE_{'_'.join(place)}_FILE".upper()
    file = tmp_path / "secret"
    monkeypatch.setenv(variable, str(file))
    settings = Settings.load()
    for content, told in (
        (None, "cannot be read (No such file or directory)"),
        (b"\n", "the file is empty"),
        (b"\xff\xfe", "is no UTF-8 text"),
    ):
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(Misconfigured) as refused:
            getattr(settings, reads)
        assert str(refused.value) == f"{variable}: {told}"
    for word in ("first", "sec ond"):
        file.write_text(f"{word}\r\n")
        assert getattr(settings, reads) == word
    monkeypatch.setenv(variable.removesuffix("_FILE"), "of the variable")
    assert getattr(Settings.load(), reads) == "of the variable"
