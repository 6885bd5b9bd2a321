"""The collector is paused for a mapping, and never left off; nothing it would have to find is made."""

import gc

import pytest

from bridge.mapping import collector_paused
from tests.support import bundles as b
from tests.support.mapped import mapped


def test_the_collector_is_paused_and_comes_back_also_after_an_error() -> None:
    def fail() -> None:
        assert not gc.isenabled()
        raise KeyError

    assert gc.isenabled()
    with pytest.raises(KeyError), collector_paused():
        fail()
    assert gc.isenabled()


def test_one_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_mapping_leaves_nothing_for_the_collector() -> None:
    bundle = b.typical_record()
    mapped(bundle)
    gc.collect()
    with collector_paused():
        mapped(bundle)
        assert gc.collect() == 0
