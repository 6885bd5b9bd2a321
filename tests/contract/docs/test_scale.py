"""deploy/SCALE.md: what is said of ten and of a hundred thousand requests a minute follows from its measurements."""

import pytest

from tests.load.guide import GUIDE, block
from tests.load.simulation import simulated
from tests.load.sums import MIX, RATES, limits, load, measured, sums
from tests.load.traffic import CHAINS

TEXT = GUIDE.read_text(encoding="utf-8")
FOUND = measured(TEXT)


def test_every_kind_of_request_is_measured_and_has_its_share():
    kinds = [kind.name for chain in CHAINS.values() for kind in chain]
    assert list(FOUND) == kinds
    assert MIX.keys() == set(kinds)
    assert sum(MIX.values()) == pytest.approx(1)
    assert all(min(one.events, one.bytes_in, one.commits, one.worker_ms) > 0 for one in FOUND.values())


def test_the_sums_are_those_of_the_measurements():
    assert block(TEXT, "sums") == sums(FOUND)


def test_what_is_planned_for_carries_the_rate():
    one, thousand, many = (load(FOUND, rate) for rate in RATES)
    assert one.workers < many.workers
    assert thousand.partition == many.partition == "day"
    assert [at for _, at, _ in limits(FOUND)] == sorted(at for _, at, _ in limits(FOUND))


def test_the_simulation_says_what_the_page_says():
    """Of the rates that take a moment; `make scale` does the largest as well."""
    some = simulated(FOUND, RATES[:2]).splitlines()
    assert block(TEXT, "simulated").splitlines()[: len(some)] == some


def test_a_load_was_run():
    assert "requests in" in block(TEXT, "load")
