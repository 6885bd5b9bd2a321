"""The compose files, as Docker Compose itself reads them, and what every service must be held to."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bridge.engine.mllp.starting import check_listener, check_sender
from bridge.errors import Misconfigured
from bridge.settings import Settings

ROOT = Path(__file__).parents[3]
COMPOSE = Path(sys.executable).with_name("docker-compose")


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    """A copy of deploy/ as an operator has it: from a clone, without passwords."""
    ignored = shutil.ignore_patterns(".env", "secrets", "bridge.env")
    return Path(shutil.copytree(ROOT / "deploy", tmp_path / "deploy", ignore=ignored))


def config(deploy: Path, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(COMPOSE), "--file", name, "--profile", "*", "config", "--format", "json"]
    inherited = {"PATH": os.environ["PATH"], "HOME": str(deploy)}
    return subprocess.run(
        command, cwd=deploy, env=inherited | environment, capture_output=True, text=True, check=False
    )


def make_env(deploy: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", str(deploy / "make-env")], capture_output=True, text=True, check=False)


@pytest.fixture
def stack(deploy: Path) -> dict[str, Any]:
    """The stack on one host, with passwords made as the guide says."""
    assert make_env(deploy).returncode == 0
    done = config(deploy, "compose.yaml")
    assert done.returncode == 0, done.stderr
    loaded: dict[str, Any] = json.loads(done.stdout)
    return loaded


@pytest.fixture
def production(deploy: Path) -> dict[str, Any]:
    """The worker alone, with the settings an operator writes."""
    (deploy / "bridge.env").write_text("BRIDGE_BUS_PREFIX=gpconnect\n")
    done = config(deploy, "compose.production.yaml", BRIDGE_VERSION="1", BRIDGE_SECRETS="/etc/bridge")
    assert done.returncode == 0, done.stderr
    loaded: dict[str, Any] = json.loads(done.stdout)
    return loaded


def is_hardened(service: dict[str, Any]) -> bool:
    return (
        service["read_only"] is True
        and service["cap_drop"] == ["ALL"]
        and service["security_opt"] == ["no-new-privileges:true"]
        and not service.get("privileged")
        and not service.get("ports")
    )


def test_without_passwords_nothing_starts(deploy: Path):
    done = config(deploy, "compose.yaml")
    assert done.returncode != 0
    assert "run deploy/make-env first" in done.stderr


def test_the_stack_has_its_services(stack: dict[str, Any]):
    assert set(stack["services"]) == {"rabbitmq", "broker-setup", "sandbox", "bridge", "postgres"}
    assert [name for name, service in stack["services"].items() if service.get("profiles")] == ["postgres"]
    assert stack["services"]["postgres"]["profiles"] == ["ledger"]


def test_every_service_is_held_to_what_it_needs(stack: dict[str, Any], production: dict[str, Any]):
    services = stack["services"] | {f"production {name}": of for name, of in production["services"].items()}
    # The listener is there to be reached: of all ports its own, and where the operator says.
    assert [name for name, service in services.items() if not is_hardened(service)] == [
        "production mllp-listen"
    ]
    (published,) = production["services"]["mllp-listen"].pop("ports")
    assert (published["host_ip"], published["target"]) == ("127.0.0.1", 2575)
    assert is_hardened(production["services"]["mllp-listen"])


def test_hl7_v2_is_there_where_it_is_wanted_and_each_has_the_settings_that_it_needs(
    production: dict[str, Any], tmp_path: Path
):
    (tmp_path / "patient-key").write_text("a key of this installation")
    services = production["services"]
    assert {name: (of.get("profiles"), of["command"]) for name, of in services.items()} == {
        "bridge": (None, None),
        "mllp-send": (["mllp"], ["mllp", "send"]),
        "mllp-listen": (["mllp"], ["mllp", "listen"]),
    }
    for of, check in (("mllp-send", check_sender), ("mllp-listen", check_listener)):
        environment = services[of]["environment"]
        mounted = {secret["target"] for secret in services[of]["secrets"]}
        assert {value for name, value in environment.items() if name.endswith("_FILE")} == mounted
        beside = {
            "BRIDGE_MLLP_PEER": "mllps://engine.example:2576",
            "BRIDGE_PATIENT_KEY_FILE": str(tmp_path / "patient-key"),
        }
        with pytest.raises(Misconfigured) as fault:
            Settings.load(check=check, environ={**environment, **beside})
        # Nothing is missing but the files, which are the operator's.
        assert {"No such file" in each for each in fault.value.problems} == {True}, fault.value.problems


def test_what_keeps_running_is_watched(stack: dict[str, Any]):
    # The image brings the check of a worker; the sandbox is no worker, and the set-up ends.
    watched = {name for name, service in stack["services"].items() if "healthcheck" in service}
    assert watched == {"rabbitmq", "sandbox", "postgres"}


def test_a_worker_gets_longer_to_stop_than_it_asks_for(stack: dict[str, Any], production: dict[str, Any]):
    for loaded in (stack, production):
        grace = loaded["services"]["bridge"]["stop_grace_period"]
        assert grace == "1m15s"
        assert Settings.model_fields["stop_grace"].default < 75


def test_secrets_are_files(stack: dict[str, Any], production: dict[str, Any]):
    for loaded in (stack, production):
        assert all(set(secret) == {"name", "file"} for secret in loaded["secrets"].values())
    environment = production["services"]["bridge"]["environment"]
    assert {name for name in environment if name.endswith("_FILE")} == {
        "BRIDGE_PDS_KEY_FILE",
        "BRIDGE_SDS_API_KEY_FILE",
        "BRIDGE_SPINE_CA_FILE",
        "BRIDGE_SPINE_CERT_FILE",
        "BRIDGE_SPINE_KEY_FILE",
        "BRIDGE_SPINE_CRL_FILE",
        "BRIDGE_PATIENT_KEY_FILE",
        "BRIDGE_VAULT_KEYS_FILE",
        "BRIDGE_AUDIT_KEYS_FILE",
    }
    mounted = {secret["target"] for secret in production["services"]["bridge"]["secrets"]}
    assert {value for name, value in environment.items() if name.endswith("_FILE")} == mounted


def test_passwords_are_new_every_time_and_never_replaced(deploy: Path, tmp_path: Path):
    other = Path(shutil.copytree(deploy, tmp_path / "other"))
    assert (make_env(deploy).returncode, make_env(other).returncode) == (0, 0)
    secrets = [file.read_text() for folder in (deploy, other) for file in (folder / "secrets").iterdir()]
    assert len(set(secrets)) == len(secrets) == 6
    assert all(len(secret) == 48 for secret in secrets)
    assert (deploy / "secrets").stat().st_mode & 0o777 == 0o700
    assert (deploy / ".env").stat().st_mode & 0o777 == 0o600

    assert make_env(deploy).returncode == 1
    assert {file.read_text() for file in (deploy / "secrets").iterdir()} < set(secrets)


def test_what_make_env_writes_is_kept_out_of_the_repository():
    names = ["deploy/.env", "deploy/bridge.env", "deploy/secrets/bridge_password"]
    done = subprocess.run(
        ["git", "check-ignore", *names], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == names
