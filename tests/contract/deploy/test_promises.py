"""The table of what each broker keeps has a row for each promise of the suite, and no other."""

from tests.brokers import PARTS
from tests.integration.bus.transport import TransportConformance
from tests.support.promises import COLUMNS, GUIDE, kept_in, promises_of, table, words


def test_the_guide_has_a_row_for_each_promise_and_no_other():
    guide = GUIDE.read_text(encoding="utf-8")
    assert table(PARTS, kept_in(guide)) in guide, "run make brokers with PROMISES=write"


def test_every_promise_is_kept_on_every_broker():
    kept = kept_in(GUIDE.read_text(encoding="utf-8"))
    promises = [promise for part in PARTS.values() for promise in part]
    assert len(promises) == len(set(promises)) >= 50
    assert {column: set(promises) - kept[column] for column in COLUMNS} == {
        column: set() for column in COLUMNS
    }


class _OfOneBroker(TransportConformance):
    async def test_its_own(self):
        """Of this broker alone."""


def test_what_a_broker_adds_is_no_promise():
    assert promises_of(_OfOneBroker) == PARTS[TransportConformance.part]
    assert words("test_its_own") not in PARTS[TransportConformance.part]
