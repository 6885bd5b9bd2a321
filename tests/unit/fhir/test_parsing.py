"""One stray thing in an answer costs nothing else of it."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.fhir.parsing import loads, parse

TEXTS = st.lists(st.text(max_size=8), min_size=1, max_size=8)
HALVES = st.integers(0xD800, 0xDFFF)


@pytest.mark.duty("CS-041")
@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb"\ud83d", "�"),
        (rb"\uDE00", "�"),
        (rb"\ud83d\ud83d\ude00", "�\U0001f600"),
        (rb"\ud83d\n", "�\n"),
        (rb"\ude00\ud83d", "��"),
        (rb"\\ud83d \ud83d", "\\ud83d �"),
    ],
)
def test_half_a_character_is_replaced(written: bytes, read: str) -> None:
    assert loads(b'["' + written + b'"]') == ([read], ("replaced_characters",))


def test_a_byte_order_mark_is_left_out() -> None:
    assert parse(b'\xef\xbb\xbf{"value":1.50}').content == {"value": "1.50"}
    assert loads(b'\xef\xbb\xbf["\\ud83d"]') == (["�"], ("byte_order_mark", "replaced_characters"))
    assert loads(b"\xef\xbb\xbf[1]") == ([1], ("byte_order_mark",))


@pytest.mark.parametrize(
    "body", [b"", b"\xef\xbb\xbf", b'["\\ud83d"', b'["\\ud8"]', b'["\xe9"]', b"[\\ud83d]"]
)
def test_what_is_no_json_stays_none(body: bytes) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        parse(body)


@given(TEXTS, st.data())
def test_half_a_character_changes_only_the_text_it_stands_in(texts: list[str], data: Any) -> None:
    place = data.draw(st.integers(0, len(texts) - 1))
    at = data.draw(st.integers(0, len(texts[place])))
    before, after = texts[place][:at], texts[place][at:]
    sent = [*texts]
    sent[place] = f"{before}{chr(data.draw(HALVES))}{after}"

    read = loads(json.dumps(sent).encode())

    assert read == ([*texts[:place], f"{before}�{after}", *texts[place + 1 :]], ("replaced_characters",))


@pytest.mark.parametrize(
    ("body", "may"),
    [
        (b'{"a":1}', False),
        (b'{"modifierExtension":[]}', True),
        (b'{"implicitRules":"x"}', True),
        (rb'{"implicit\u0052ules":"x"}', True),
    ],
)
def test_it_is_known_whether_anything_may_change_the_meaning(body: bytes, may: bool) -> None:
    assert parse(body).may_hold_modifiers is may
