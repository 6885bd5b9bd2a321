from pathlib import Path

import pytest
import structlog

from bridge.engine.kill_switch import KillSwitch
from bridge.settings import RetrySettings, Settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "stop-retries"


@pytest.fixture
def kill_switch(file: Path) -> KillSwitch:
    return KillSwitch(file)


def test_without_the_file_nothing_is_stopped(kill_switch: KillSwitch):
    assert not kill_switch.retries_stopped("structured_record")


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_an_empty_file_stops_every_retry_at_once_until_it_is_removed(
    kill_switch: KillSwitch, file: Path, text: str
):
    assert not kill_switch.retries_stopped("structured_record")
    file.write_text(text)
    assert kill_switch.retries_stopped("structured_record")
    assert kill_switch.retries_stopped("booking")
    file.unlink()
    assert not kill_switch.retries_stopped("structured_record")


def test_names_stop_the_retries_of_those_pipelines_alone(kill_switch: KillSwitch, file: Path):
    file.write_text("  structured_record \r\n\nbooking\n")
    assert kill_switch.retries_stopped("structured_record")
    assert kill_switch.retries_stopped("booking")
    assert not kill_switch.retries_stopped("structured")

    file.write_text("booking\n")
    assert not kill_switch.retries_stopped("structured_record")
    file.write_text("")
    assert kill_switch.retries_stopped("structured_record")


def test_what_cannot_be_read_stops_everything(kill_switch: KillSwitch, file: Path):
    file.mkdir()  # a mount that went wrong; unlike permissions it stops root as well
    assert kill_switch.retries_stopped("structured_record")
    assert kill_switch.retries_stopped("structured_record")
    file.rmdir()
    assert not kill_switch.retries_stopped("structured_record")


def test_bytes_that_are_no_text_stop_nobody_else(kill_switch: KillSwitch, file: Path):
    file.write_bytes(b"\xff\xfe\nbooking\n")
    assert kill_switch.retries_stopped("booking")
    assert not kill_switch.retries_stopped("structured_record")


def test_each_change_is_said_once(kill_switch: KillSwitch, file: Path):
    with structlog.testing.capture_logs() as lines:
        kill_switch.retries_stopped("a")
        file.write_text("a\n")
        for _ in range(3):
            kill_switch.retries_stopped("a")
        file.unlink()
        for _ in range(3):
            kill_switch.retries_stopped("a")

    assert [line["event"] for line in lines] == ["retries_stopped", "retries_allowed"]


def test_where_the_file_is_expected(tmp_path: Path):
    usual = KillSwitch.of(Settings(state_dir=tmp_path))
    named = KillSwitch.of(Settings(state_dir=tmp_path, retry=RetrySettings(switch_file=tmp_path / "off")))
    (tmp_path / "off").touch()
    assert (usual.retries_stopped("a"), named.retries_stopped("a")) == (False, True)

    (tmp_path / "off").rename(tmp_path / "stop-retries")
    assert (usual.retries_stopped("a"), named.retries_stopped("a")) == (True, False)
