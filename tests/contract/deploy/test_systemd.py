"""deploy/systemd: the units grant and give what the bridge needs; where systemd is there, it reads them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.cli.app import app
from bridge.cli.exits import Exit
from bridge.settings import Settings
from tests.contract.deploy.test_guide import defaults

FOLDER = Path(__file__).parents[3] / "deploy" / "systemd"
SERVICES = sorted(FOLDER.glob("*.service"))
ANALYZE = shutil.which("systemd-analyze")
HARDENED = {
    "DynamicUser": "yes",
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "MemoryDenyWriteExecute": "yes",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "UMask": "0077",
}
MOST_EXPOSED = 2.0
"""Of ten, as `systemd-analyze security` counts: the network, which a worker needs, is the rest."""

by_service = pytest.mark.parametrize("file", SERVICES, ids=lambda file: file.stem)


def lines(file: Path) -> list[tuple[str, str]]:
    return re.findall(r"^(\w+)=(.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)


def value(file: Path, name: str) -> str:
    (found,) = [value for key, value in lines(file) if key == name]
    return found


def environment(file: Path) -> dict[str, str]:
    pairs = [
        pair.partition("=") for key, value in lines(file) if key == "Environment" for pair in value.split()
    ]
    return {name: value for name, _, value in pairs}


@by_service
def test_a_service_may_do_what_it_needs_and_no_more(file: Path):
    assert {name: value(file, name) for name in HARDENED} == HARDENED


@by_service
def test_every_variable_is_a_setting_and_every_file_is_a_credential(file: Path):
    given = environment(file)
    assert set(given) <= set(defaults())
    loaded = [tuple(one.split(":")) for key, one in lines(file) if key == "LoadCredential"]
    assert all(path == f"/etc/gpconnect-bridge/secrets/{name}" for name, path in loaded)
    files = {text.removeprefix("%d/") for name, text in given.items() if name.endswith("_FILE")}
    assert {name for name, _ in loaded} == files | {"urls.env"}
    guide = (FOLDER / "README.md").read_text()
    assert all(f"`{name}`" in guide for name, _ in loaded)
    assert not any(name.endswith(("_URL", "_KEY")) for name in given)


@by_service
def test_its_command_is_one(file: Path):
    program, option, path, *words = value(file, "ExecStart").split()
    assert (program, option, path) == ("/opt/gpconnect-bridge/bin/bridge", "--env-file", "%d/urls.env")
    assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0


def test_a_worker_is_started_again_unless_that_cannot_help():
    worker = FOLDER / "gpconnect-bridge.service"
    assert value(worker, "Restart") == "on-failure"
    assert [int(code) for code in value(worker, "RestartPreventExitStatus").split()] == [
        Exit.UNREADABLE,
        Exit.MISCONFIGURED,
    ]
    assert value(worker, "StartLimitIntervalSec") == "0"  # however long the broker is away


def test_a_worker_gets_longer_to_stop_than_it_asks_for():
    worker = FOLDER / "gpconnect-bridge.service"
    assert float(value(worker, "TimeoutStopSec")) > Settings.model_fields["stop_grace"].default
    assert value(worker, "KillMode") == "mixed"


def test_all_have_the_same_rights_and_secrets():
    worker, *others = ([line for line in lines(file) if line[0] not in _OWN] for file in SERVICES)
    worker = [line for line in worker if line != ("Environment", "BRIDGE_HEALTH_PORT=8080")]
    assert all([line for line in other if line in worker] == worker for other in others)


_OWN = {
    "Description", "ExecStart", "Type", "Wants", "After", "Restart", "RestartSec", "RestartPreventExitStatus",
    "TimeoutStopSec", "TimeoutStartSec", "KillMode", "LimitNOFILE", "WantedBy", "StartLimitIntervalSec",
}  # fmt: skip


def test_retention_runs_every_night_also_when_the_host_was_off():
    timer = FOLDER / "gpconnect-bridge-retention.timer"
    assert timer.with_suffix(".service").is_file()
    assert value(timer, "OnCalendar") == "*-*-* 02:15"
    assert value(timer, "Persistent") == "true"


@pytest.mark.skipif(ANALYZE is None, reason="there is no systemd here")
def test_systemd_reads_every_unit(tmp_path: Path):
    for file in [*SERVICES, *FOLDER.glob("*.timer")]:
        text = file.read_text().replace("/opt/gpconnect-bridge/bin/bridge", "/bin/true")
        (tmp_path / file.name).write_text(text)  # the program need not be installed here
    units = [str(file) for file in tmp_path.iterdir()]
    done = subprocess.run([str(ANALYZE), "verify", *units], capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if "gpconnect" in line] == []


@pytest.mark.skipif(ANALYZE is None, reason="there is no systemd here")
@by_service
def test_systemd_finds_little_that_is_exposed(file: Path):
    command = [str(ANALYZE), "security", "--offline=true", "--no-pager", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stderr
    assert float(found[1]) <= MOST_EXPOSED
