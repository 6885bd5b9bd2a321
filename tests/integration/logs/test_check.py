"""The check of the logs finds what it is there to find."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from tests.support import run_logs
from tests.support.processes import child

ROOT = Path(__file__).parents[3]
NUMBER = "9990000018"
OUTSIDE_THE_TEST_RANGE = "1000000001"  # its check digit is right, and nobody has it


@pytest.mark.parametrize(
    "line",
    [
        f"PDS was asked for {NUMBER}",
        '{"event": "call", "value": 9990000018}',
        "999 000 0018",
        f"request-{NUMBER}-1",
        f"Patient?identifier=nhs%7C{NUMBER}",
        f"feed{NUMBER}",
        "999-000-0018",
        "Patient/999%20000%200018",
        f"somebody else's: {OUTSIDE_THE_TEST_RANGE}",
        '{"event":"call","url":"/Patient/[redacted]"}',  # the net caught what should not have been written
    ],
)
@pytest.mark.parametrize("file", [run_logs.PROCESS, f"{run_logs.CHILD}-1-worker.log"])
def test_a_line_that_tells_of_a_patient_is_found(tmp_path, file, line):
    (tmp_path / file).write_text(f"good line\n{line}\ngood line\n")
    assert run_logs.leaks(tmp_path) == [f"{file}:2"]


def test_a_line_of_a_broker_with_a_test_patient_is_found(tmp_path):
    (tmp_path / f"{run_logs.SERVER}-1-node.log").write_text(f"queue bridge.{NUMBER}\n")
    assert run_logs.leaks(tmp_path) == ["server-1-node.log:1"]


@pytest.mark.parametrize(
    ("file", "line"),
    [
        (run_logs.PROCESS, "9990000019 has a wrong check digit"),
        (run_logs.PROCESS, f"hash {NUMBER}{NUMBER}"),
        (run_logs.PROCESS, f"<Connection at 0x7f{NUMBER}>"),
        (run_logs.PROCESS, f"trace 7ca61f0a-e7ff-482a-a2f2-2c{NUMBER}"),
        (run_logs.PROCESS, f"body sha256:{'0' * 40}a{NUMBER}b{'0' * 12}"),
        (run_logs.PROCESS, "amqp://guest:[redacted]@127.0.0.1:5672/"),
        (run_logs.PROCESS, "Authorization: Bearer [redacted]"),
        (f"{run_logs.SERVER}-1-node.log", f"memory limit set to {OUTSIDE_THE_TEST_RANGE} bytes"),
    ],
)
def test_other_numbers_and_hidden_secrets_are_not_taken_for_a_patient(tmp_path, file, line):
    (tmp_path / file).write_text(f"{line}\n")
    assert run_logs.leaks(tmp_path) == []


def test_what_this_process_logs_is_kept(log_folder):
    structlog.get_logger().debug("kept_from_structlog")
    logging.getLogger("a.library").debug("kept from a library")
    text = (log_folder / run_logs.PROCESS).read_text()
    assert "kept_from_structlog" in text
    assert "kept from a library" in text


def test_what_a_child_logs_is_kept_and_what_it_prints_is_not(log_folder, tmp_path):
    with child("bridge", ["no-such-command"], environment={}, output=tmp_path / "marked.log") as started:
        assert started.process.wait(30) == 2
    (kept,) = log_folder.glob(f"{run_logs.CHILD}-*-marked.log")
    assert "no-such-command" in kept.read_text()


LOGS_A_PATIENT = f"""
import structlog

def pytest_runtest_call():
    structlog.get_logger().info("asked", patient="{NUMBER}")
"""


@pytest.mark.duty("JO-033")
@pytest.mark.parametrize("processes", [0, 1])
def test_a_bad_line_fails_a_run(tmp_path, processes):
    """The whole of it: a run in which something logs a patient ends in a failure."""
    (tmp_path / "logs_a_patient.py").write_text(LOGS_A_PATIENT)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "logs_a_patient", "-n", str(processes)),
            *("--basetemp", str(tmp_path / "run"), "tests/unit/spine/test_ttl_cache.py"),
        ],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    assert f"{run_logs.PROCESS}:" in done.stdout
    assert NUMBER not in done.stdout
