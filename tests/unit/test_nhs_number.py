"""The one place that knows how an NHS number may be written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.record.nhs_number import is_valid_nhs_number, nhs_number_of, plain_nhs_number
from tests.support.bundles import NHS_NUMBER

SEPARATORS = [
    " ", "\t", "\n", "\u00a0", "\u2009", "\u202f", "\u3000", "\u2028",
    "\u200b", "\u2060", "\ufeff", "\u00ad", "-", "\u2010", "\u2011", "\u2013", "\u2014", "\u2212",
]  # fmt: skip
"""Blanks of every width, what takes no room, and what looks like a hyphen."""


@given(st.lists(st.sampled_from(SEPARATORS)), st.lists(st.integers(0, 10), max_size=5))
def test_whatever_stands_between_the_digits_does_not_count(between: list[str], places: list[int]) -> None:
    written = NHS_NUMBER
    for separator, place in zip(between, sorted(places, reverse=True), strict=False):
        written = written[:place] + separator + written[place:]
    assert plain_nhs_number(written) == NHS_NUMBER
    assert nhs_number_of(written) == NHS_NUMBER


@pytest.mark.parametrize("separator", SEPARATORS)
def test_groups_of_three_three_and_four(separator: str) -> None:
    assert nhs_number_of(f"{separator}999{separator}000{separator}0018{separator}") == NHS_NUMBER


FULL_WIDTH = "".join(chr(0xFF10 + int(digit)) for digit in NHS_NUMBER)


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "9990000019",
        "999000001",
        "99900000180",
        "999.000.0018",
        "999/000/0018",
        "x990000018",
        FULL_WIDTH,
    ],
)
def test_what_is_no_nhs_number(written: str) -> None:
    assert nhs_number_of(written) is None


@given(st.text())
def test_what_is_left_has_a_check_digit_or_is_no_number(written: str) -> None:
    found = nhs_number_of(written)
    assert found is None or is_valid_nhs_number(found)
    assert plain_nhs_number(plain_nhs_number(written)) == plain_nhs_number(written)
