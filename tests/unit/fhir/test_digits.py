"""Decimals keep the digits they were sent with."""

import json
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.fhir.digits import decimal, keep_digits, with_digits

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["value", "unit", 'a"value']), inner, max_size=3)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "written", ["1.50", "-0.10", "2.50e1", "0.00", "0.1234567890123456789", "1.0e999", "100.000"]
)
def test_digits_that_a_float_loses_become_text(written: str) -> None:
    body = f'{{"value" : {written}, "other": 1.50}}'.encode()
    assert orjson.loads(keep_digits(body)) == {"value": written, "other": 1.5}


@pytest.mark.parametrize(
    "body",
    [
        b'{"value": 1.5}',
        b'{"value": 28, "text": "1.50, "}',
        b'{"value": 1E3}',
        b'{"value": "1.50"}',
        b'{"value": [1.50]}',
        b'{"text": "\\"value\\": 1.50, "}',
        b'{"values": 1.50, "value": 01.50}',
        b'{"value": 1.50',
        b"",
    ],
)
def test_everything_else_stays_as_it_is(body: bytes) -> None:
    assert keep_digits(body) is body


@given(JSON_VALUES)
def test_nothing_is_changed_but_numbers_into_their_digits(value: Any) -> None:
    body = json.dumps(value).encode()

    def same(one: Any, other: Any) -> bool:
        if isinstance(one, dict):
            return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
        if isinstance(one, list):
            return len(one) == len(other) and all(map(same, one, other))
        return bool(one == other or (isinstance(one, float) and Decimal(other) == Decimal(repr(one))))

    assert same(json.loads(body), json.loads(keep_digits(body)))


@pytest.mark.parametrize(
    ("written", "found"),
    [("1.50", (1.5, "1.50")), ("1.5", (1.5, None)), ("28", None), ("1e999", None), ("1.5 mg", None)],
)
def test_a_text_that_is_a_decimal(written: str, found: object) -> None:
    assert decimal(written) == found


def test_a_part_that_is_passed_on_has_numbers_and_their_digits() -> None:
    sent = {"doseQuantity": {"value": "2.50", "unit": "mg"}, "rates": [{"value": "0.5"}], "text": "2.50"}
    assert with_digits(sent) == {
        "doseQuantity": {"value": 2.5, "value_as_sent": "2.50", "unit": "mg"},
        "rates": [{"value": 0.5}],
        "text": "2.50",
    }
