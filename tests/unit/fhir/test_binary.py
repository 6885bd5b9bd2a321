"""A Binary read as it comes, however it is cut into pieces and written."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.fhir.binary import BinaryInvalid, BinaryReader

CONTENT = bytes(range(256)) * 3
USUAL = {"resourceType": "Binary", "id": "b-1", "contentType": "application/pdf"}


def read(body, size=7):
    reader = BinaryReader()
    content = b"".join(reader.feed(body[start : start + size]) for start in range(0, len(body), size))
    return content, reader.finish()


def written(content=CONTENT, **more):
    return json.dumps({**USUAL, "content": base64.b64encode(content).decode(), **more}).encode()


def text_of(content=CONTENT):
    return base64.b64encode(content)


@given(
    st.binary(max_size=300), st.integers(1, 64), st.permutations(["resourceType", "contentType", "content"])
)
def test_any_content_in_any_pieces_and_any_order(content, size, order):
    sent = {
        "resourceType": "Binary",
        "contentType": "image/png",
        "content": base64.b64encode(content).decode(),
    }
    found, facts = read(json.dumps({name: sent[name] for name in order}).encode(), size)
    assert (found, facts.content_type) == (content, "image/png")


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf \r\n{ "content" : "%s" , "resourceType":"Binary", "contentType" : "application/pdf" } \n'
        % text_of(),
        b'{"contentType":"application\\/pdf","content":"%s","resourceType":"Binary"}'
        % text_of().replace(b"/", b"\\/").replace(b"+", b"\\u002B").replace(b"=", b"\\u003d"),
        b'{"resourceType":"Binary","contentType":"application/pdf","\\u0063ontent":"%s"}'
        % b"\\r\\n".join(text_of()[start : start + 76] for start in range(0, len(text_of()), 76)),
        b'{"resourceType":"Binary","contentType":"application/pdf","content":"%s"}'
        % text_of().replace(b"A", b"A\n"),
        written(meta={"content": "QUJD", "tag": [{"content": "\\"}]}, text='"content": "QUJD"', content_="x"),
    ],
    ids=["blanks", "escapes", "lines", "line_ends", "other_content"],
)
@pytest.mark.parametrize("size", [1, 5, 10_000])
def test_as_writers_of_json_write_it(body, size):
    content, facts = read(body, size)
    assert (content, facts.content_type) == (CONTENT, "application/pdf")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "not_json"),
        (b"<html></html>", "not_json"),
        (b"[]", "not_a_binary"),
        (b'{"resourceType":"OperationOutcome"}', "not_a_binary"),
        (json.dumps(USUAL).encode(), "no_content"),
        (json.dumps({**USUAL, "content": None}).encode(), "no_content"),
        (written()[:-30], "truncated"),
        (written()[:-1], "truncated"),
        (b'{"resourceType":"Binary","content":"QUJ"}', "content_not_base64"),
        (b'{"resourceType":"Binary","content":"QQ==QUJD"}', "content_not_base64"),
        (b'{"resourceType":"Binary","content":"QUJD*AAA"}', "content_not_base64"),
        (b'{"resourceType":"Binary","content":"QUJ-_AAA"}', "content_not_base64"),
        (b'{"resourceType":"Binary","content":"QUJD\\""}', "content_not_base64"),
        (b'{"resourceType":"Binary","content":"QUJD\\u00e9AAA"}', "content_not_base64"),
        (b'{"resourceType":"Binary","content":"QUJD","content":"QUJD"}', "content_twice"),
        (b'{"resourceType":"Binary","id":"' + b"x" * 70_000 + b'","content":""}', "too_much_besides_content"),
    ],
)
@pytest.mark.parametrize("size", [1, 10_000])
def test_what_is_no_binary(body, detail, size):
    with pytest.raises(BinaryInvalid) as refused:
        read(body, size)
    assert refused.value.detail == detail


def test_nothing_is_held_back_but_what_makes_no_whole_byte():
    reader = BinaryReader()
    head, _, rest = written(b"x" * 3000).partition(b'"content": "')
    assert reader.feed(head + b'"content": "') == b""
    assert reader.feed(rest[:2001]) == b"x" * 1500


def test_no_content_type_is_none():
    assert read(b'{"resourceType":"Binary","content":"QUJD","contentType":" "}')[1].content_type is None
