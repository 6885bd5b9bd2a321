"""The outage matrix in the guide is what the fault tests wrote."""

import re
from collections import Counter
from pathlib import Path

import pytest

from bridge.settings import Settings
from tests.faults import matrix
from tests.faults.outages import OUTAGES

HERE = Path(__file__).parent


@pytest.fixture
def guide():
    return matrix.GUIDE.read_text(encoding="utf-8")


def test_the_guide_says_what_the_tests_say(guide):
    assert matrix.table_in(guide) == matrix.table(matrix.seen_in(guide)), "run `make outages`"


@pytest.mark.parametrize("key", OUTAGES)
def test_each_outage_was_seen_on_everything_it_is_said_to_be_proven_on(key, guide):
    assert set(matrix.seen_in(guide)[key]) == set(OUTAGES[key].on)


def test_each_outage_has_a_test_that_causes_it():
    sources = "".join(file.read_text(encoding="utf-8") for file in HERE.glob("*/test_*.py"))
    assert set(re.findall(r'outages\.saw\("([a-z_]+)"', sources)) == OUTAGES.keys()


def test_settings_that_rows_name_exist():
    known = {
        f"BRIDGE_{group}_{name}".upper()
        for group, field in Settings.model_fields.items()
        for name in getattr(field.annotation, "model_fields", {})
    }
    assert set(re.findall(r"BRIDGE_[A-Z_]+", matrix.table({}))) <= known


def test_what_a_run_saw_is_written_and_read_again():
    seen = {
        key: dict.fromkeys(outage.on, f"1 completed, {number} failed (`internal`)")
        for number, (key, outage) in enumerate(OUTAGES.items())
    }
    assert matrix.seen_in(f"before\n\n{matrix.table(seen)}\n\nafter") == seen


@pytest.fixture
def blind(tmp_path, monkeypatch):
    """What a test records that sees nothing in its log, and may not write."""
    monkeypatch.delenv(matrix.WRITE, raising=False)
    log = tmp_path / "process.log"
    log.touch()
    return matrix.Outages(log)


def test_a_row_that_names_what_was_not_seen_fails(blind):
    with pytest.raises(AssertionError, match="retry_due"):
        blind.saw("answer_dropped", on="NATS", ends=Counter(completed=2))


@pytest.mark.parametrize("fewer", [False, True])
def test_a_run_that_ends_otherwise_than_the_guide_says_fails(blind, fewer):
    blind.did("retry_due")
    with pytest.raises(AssertionError, match="make outages"):
        blind.saw("answer_dropped", on="NATS", ends=Counter(lost=2), fewer=fewer)
