"""The one place that knows how an NHS number may be written."""

import random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.record.nhs_number import holds_nhs_number, is_valid_nhs_number, nhs_number_of, plain_nhs_number
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


@pytest.mark.duty("JO-033")
@pytest.mark.parametrize("separator", ["", *SEPARATORS, "%20", "%2D", " - "])
@pytest.mark.parametrize(
    "around",
    ["{}", "patient-{}", "{}/7", "nhs:{};v=1", "MRN{}", "visit-12-{}", "2026-11-29-{}", "00{}", "a{}b"],
)
def test_a_number_is_found_wherever_it_stands(separator: str, around: str) -> None:
    assert holds_nhs_number(around.format(f"999{separator}000{separator}0018"))


@pytest.mark.parametrize(
    "text",
    [
        "99-90-00-00-18",
        "9 9 9 0 0 0 0 0 1 8",
        FULL_WIDTH,
        "00000000-0000-0000-0000-009990000018",
        "00-00000000000000000000009990000018-0000000000000001-01",
    ],
)
def test_a_number_is_found_however_it_is_grouped_and_padded(text: str) -> None:
    assert holds_nhs_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "u-481",
        "9990000019",
        "19990000018",
        "99900000181",
        "34556a83-30d0-476f-a440-8b3447800402",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "2026-11-29-070455",
        "2026-11-29T07:04:55.123Z",
        "/epr/ward-7",
    ],
)
def test_what_holds_no_number(text: str) -> None:
    assert not holds_nhs_number(text)


def test_what_is_random_is_not_taken_for_a_number() -> None:
    """Of 50,000 UUIDs some 600 hold ten digits that pass; of ids of exactly ten digits one in eleven does."""
    drawn = random.Random(7)
    for _ in range(50_000):
        uuid = UUID(int=drawn.getrandbits(128), version=4)
        assert not holds_nhs_number(str(uuid))
        assert not holds_nhs_number(f"00-{uuid.hex}-{drawn.getrandbits(64):016x}-01")
    found = sum(holds_nhs_number(f"{drawn.randrange(10**10):010}") for _ in range(11_000))
    assert 900 < found < 1100


@pytest.mark.parametrize("piece", ["1", "12-", "a1", "1" * 15 + "x", "%31", "\u00a012"])
def test_a_long_text_is_looked_through_once(piece: str) -> None:
    assert not holds_nhs_number(piece * 100_000 + "z")
