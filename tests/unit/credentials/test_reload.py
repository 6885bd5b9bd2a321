import os
from pathlib import Path
from typing import Any

import pytest
import structlog

from bridge.credentials.reload import Reloaded
from bridge.errors import Misconfigured


class VirtualTime:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text("first")
    return file


def reloaded(file: Path, time: VirtualTime) -> Reloaded[str]:
    def make() -> str:
        if not file.exists() or not file.read_text():
            raise Misconfigured("BRIDGE_SDS_API_KEY_FILE: is empty")
        return file.read_text()

    return Reloaded("sds_api_key", [None, file], make, clock=time)


def test_a_file_that_changes_is_read_again_and_one_that_does_not_is_not(file: Path, time: Any):
    made = reloaded(file, time)
    first = made()
    time.now += 1
    assert made() is first

    file.write_text("the second")
    assert made() is first  # not looked at more than once a second
    time.now += 1
    assert made() == "the second"


def test_another_file_behind_the_same_name_is_seen(file: Path, time: Any):
    made = reloaded(file, time)
    before = file.stat()
    other = file.with_suffix(".new")
    other.write_text("other")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(file)
    time.now += 1

    assert made() == "other"


@pytest.mark.parametrize("is_there", [True, False])
def test_a_broken_file_keeps_the_old_value_and_is_reported_once(file: Path, time: Any, is_there: bool):
    made = reloaded(file, time)
    with structlog.testing.capture_logs() as lines:
        if is_there:
            file.write_text("")
        else:
            file.unlink()
        for _ in range(3):
            time.now += 1
            assert made() == "first"
        file.write_text("mended")
        time.now += 1
        assert made() == "mended"

    assert [(line["event"], line["log_level"], line["secret"]) for line in lines] == [
        ("reload_refused", "error", "sds_api_key"),
        ("reloaded", "info", "sds_api_key"),
    ]
    assert "mended" not in str(lines)


def test_at_the_start_there_is_nothing_to_go_on_with(file: Path, time: Any):
    file.write_text("")
    with pytest.raises(Misconfigured):
        reloaded(file, time)
