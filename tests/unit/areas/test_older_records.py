"""A record that was written before an area was added is read again."""

import pytest

from bridge.areas import AREAS, check_record
from tests.support.mapped import mapped
from tests.support.whole_record import whole_record

FIRST = ("medications", "allergies")
"""Every record has had these."""


@pytest.mark.parametrize("area", [each.name for each in AREAS.areas if each.name not in FIRST])
def test_a_record_may_be_older_than_an_area(area: str) -> None:
    record = mapped(whole_record())
    assert area in record
    older = {name: value for name, value in record.items() if name != area}

    assert check_record(older) == older
