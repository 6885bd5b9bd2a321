"""The request decoder takes a request or rejects it, whatever bytes come; what it takes is safe to pass on."""

import base64
import contextlib
import json
import re
import tracemalloc
from typing import Any

import jwt
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.areas.requests import RecordRequest
from bridge.bus.port import Delivery
from bridge.contracts.decoding import MAX_BYTES, MAX_DEPTH
from bridge.contracts.envelope import Incoming, read_envelope
from bridge.engine.incoming import read_incoming
from bridge.engine.patient_keys import PatientKeys
from bridge.errors import RequestRejected
from bridge.spine.tokens import TokenIssuer
from pipelines.structured_record import structured_record
from tests.fuzz.effort import fuzz
from tests.fuzz.values import TEXTS, spoilt
from tests.support.requests import PATIENT, cloud_event, record_request

EVENT = cloud_event(
    record_request(encounter_id="e-1", practice_ods_code="A82038", expires_at="2036-01-01T00:00:00Z"),
    id="request-1",
    correlationid="c-1",
    time="2026-11-22T09:00:00Z",
)
WRITTEN = orjson.dumps(EVENT)
ISSUER = TokenIssuer("https://consumer.example", "https://supplier.example", "device-1", "bridge", "1")
INJECTIONS = [
    "a\r\nSsp-From: 1", "a\nb", "a\rb", "a\x00b", "a\x0bb", "a\x85b", "a\u2028b", "a\u2029b", "a\u202eb", "a\u2066b",
    "a\u200bb", "\ufeffa", "a\x7fb", "a\x1b[31m", " a", "a\u00a0",
]  # fmt: skip


def read(body: bytes, **more: Any) -> Incoming:
    usual: dict[str, Any] = {
        "message_id": "m-1",
        "key": "k",
        "content_type": None,
        "correlation_id": None,
        "headers": {},
    }
    return read_envelope(body, **(usual | more))


def faults(body: bytes, **more: Any) -> list[tuple[str, str]]:
    with pytest.raises(RequestRejected) as caught:
        read(body, **more).request(RecordRequest)
    return list(caught.value.faults)


def taken_or_rejected(body: bytes, **more: Any) -> None:
    """A rejection is short and repeats nothing; what is taken makes headers and a token of one line each."""
    try:
        incoming = read(body, **more)
        request = incoming.request(RecordRequest)
    except RequestRejected as rejection:
        said = str(rejection)
    else:
        said = ""
        check_taken(incoming, request)
    assert len(said) < 5000
    assert PATIENT not in said
    assert "Patel" not in said


def check_taken(incoming: Incoming, request: RecordRequest) -> None:
    assert incoming.request_id.isprintable()
    assert incoming.correlation_id.isprintable()
    token = ISSUER.token(request.requested_by, audience="https://gp.example", scope="s", now=0)
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["sub"] == request.requested_by.user_id
    assert all(text.isprintable() for text in _texts(claims))


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in _texts(each)]


@fuzz(300)
@given(spoilt(EVENT))
def test_a_spoilt_request_is_taken_or_rejected(event: Any) -> None:
    with contextlib.suppress(RecursionError):  # nested too deeply to be written
        taken_or_rejected(json.dumps(event).encode())


@fuzz(300)
@given(
    st.lists(
        st.tuples(st.integers(0, len(WRITTEN)), st.integers(0, 40), st.binary(max_size=6)),
        min_size=1,
        max_size=4,
    )
)
def test_spoilt_bytes_are_taken_or_rejected(cuts: list[tuple[int, int, bytes]]) -> None:
    body = WRITTEN
    for start, length, new in cuts:
        body = body[:start] + new + body[start + length :]
    taken_or_rejected(body)


@fuzz(200)
@given(
    st.dictionaries(st.sampled_from(["ce-id", "ce-source", "ce-type", "CE_specversion", "cloudEvents:time", "ce-"]), TEXTS),
    st.none() | TEXTS,
    st.none() | st.text(st.characters(), max_size=5),
)  # fmt: skip
def test_attributes_in_headers_may_be_anything(
    headers: dict[str, str], content_type: str | None, cid: str | None
) -> None:
    taken_or_rejected(
        orjson.dumps(EVENT["data"]), headers=headers, content_type=content_type, correlation_id=cid
    )


def test_a_body_over_the_limit_is_not_read() -> None:
    padded = b" " * (MAX_BYTES - len(WRITTEN)) + WRITTEN
    assert read(padded).request_id == "request-1"
    assert faults(padded + b" ") == [("body", "is larger than 262144 bytes")]
    assert faults(WRITTEN, max_bytes=100) == [("body", "is larger than 100 bytes")]


@pytest.mark.parametrize("opening", ["[", '{"x":'])
@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 250, 1000, 100_000])
def test_nesting_is_bounded_everywhere(opening: str, levels: int) -> None:
    nested = opening * levels + "1" + ("]" if opening == "[" else "}") * levels
    for body in (f'{{"x":{nested}}}', WRITTEN.decode()[:-1] + f',"x":{nested}}}', nested):
        assert faults(body.encode())[0][0] == "body"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"id":', '"id":"other","id":'),
        ('"nhs_number":', '"nhs_number":"9990000026","nhs_number":'),
        ('"nhs_number":', '"nhs_n\\u0075mber":"9990000026","nhs_number":'),
        ('"ods_code":', '"ods_code":"RYY","ods_code":'),
        ('"data":', '"data":{},"data":'),
    ],
)
def test_a_key_that_stands_twice_is_not_one_of_the_two(old: str, new: str) -> None:
    body = WRITTEN.decode().replace(old, new, 1).encode()
    assert faults(body) == [("body", "must not name a key twice in one object")]


@pytest.mark.parametrize(
    "value",
    [b'"\xff"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"\\ud800"', b"NaN", b"Infinity", b"1e999", b"9" * 5000, b"01", b"'a'"],
)  # fmt: skip
def test_what_only_some_parsers_read_is_rejected(value: bytes) -> None:
    assert faults(WRITTEN[:-1] + b',"x":' + value + b"}") == [("body", "must be JSON in UTF-8")]


def test_another_encoding_is_rejected() -> None:
    for encoding in ("utf-16", "utf-32", "utf-8-sig"):
        assert faults(json.dumps(EVENT).encode(encoding))[0][0] == "body"


ANY_TEXT = st.text(st.characters(codec=None), max_size=40)
"""Lone surrogates too."""


@fuzz(200)
@given(
    body=st.binary(max_size=60) | spoilt(EVENT).map(orjson.dumps),
    identity=ANY_TEXT,
    key=ANY_TEXT,
    content_type=st.none() | ANY_TEXT,
    correlation_id=st.none() | ANY_TEXT,
    headers=st.dictionaries(
        st.sampled_from(("ce-id", "ce-source", "ce-specversion", "ce-type", "ce-time", "ce-expiresat"))
        | ANY_TEXT,
        st.sampled_from(("1.0", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")) | ANY_TEXT,
        max_size=8,
    ),
)
def test_whatever_is_delivered_is_read_without_an_error(
    body: bytes,
    identity: str,
    key: str,
    content_type: str | None,
    correlation_id: str | None,
    headers: dict[str, str],
) -> None:
    delivery = Delivery(
        body, id=identity, key=key, content_type=content_type, correlation_id=correlation_id, headers=headers
    )
    case = read_incoming(delivery, pipeline=structured_record, keys=PatientKeys("site key"))
    assert (case.request is None) == (case.rejection is not None)


@pytest.mark.duty("JO-033")
@pytest.mark.parametrize("body", [WRITTEN[:-1], orjson.dumps(record_request())])
@pytest.mark.parametrize(
    "name", [PATIENT, f"request-{PATIENT}", f"request {PATIENT}", "a\r\nb", "x" * 100_000, "\ud800"]
)
def test_the_ids_of_a_rejected_message_tell_nothing(name: str, body: bytes) -> None:
    delivery = Delivery(body, id=name, key="k", correlation_id=name)
    case = read_incoming(
        delivery,
        pipeline=structured_record,
        keys=PatientKeys("site key"),
        max_bytes=MAX_BYTES,
    )
    assert case.rejection is not None
    for text in (case.request_id, case.correlation_id, case.opening.correlation_id):
        assert re.fullmatch("[0-9a-f]{64}", text)


@pytest.mark.parametrize(
    "name", ["request-7", "12345678901", "0c6a4d9e-1234-4cde-9f01-0123456788ab", "9990000019"]
)
def test_the_ids_of_a_rejected_message_are_kept_where_they_are_ids(name: str) -> None:
    delivery = Delivery(b"{", id=name, key="k")
    case = read_incoming(delivery, pipeline=structured_record, keys=PatientKeys("site key"))
    assert (case.request_id, case.correlation_id) == (name, name)


def test_headers_that_are_no_text_are_rejected() -> None:
    headers = {"ce-id": "\ud800", "ce-specversion": "1.0", "ce-source": "/s", "ce-type": "t"}
    assert faults(orjson.dumps(EVENT["data"]), headers=headers) == [("headers", "must be text in UTF-8")]


@pytest.mark.parametrize("text", INJECTIONS)
@pytest.mark.parametrize("attribute", ["id", "source", "type", "correlationid", "replayof"])
def test_no_attribute_carries_a_line_break_or_a_hidden_character(attribute: str, text: str) -> None:
    assert [field for field, _ in faults(orjson.dumps(EVENT | {attribute: text}))] == [attribute]


@pytest.mark.parametrize("text", INJECTIONS)
@pytest.mark.parametrize("attribute", ["traceparent", "tracestate"])
def test_a_trace_that_does_is_left_out_and_costs_no_request(attribute: str, text: str) -> None:
    sent = EVENT | {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": "v=1"} | {attribute: text}
    delivery = Delivery(orjson.dumps(sent), id="m-1", key="k")
    case = read_incoming(delivery, pipeline=structured_record, keys=PatientKeys("site key"))
    assert case.rejection is None
    assert case.trace is None or (attribute == "tracestate" and not case.trace.trace_state)


@pytest.mark.duty("SP-077")
@pytest.mark.parametrize("text", INJECTIONS)
@pytest.mark.parametrize(
    "field", ["user_id", "family_name", "given_names.0", "prefix", "role", "organisation.name"]
)
def test_no_field_of_the_user_does_either(field: str, text: str) -> None:
    data = record_request()
    holder: Any = data["requested_by"]
    *before, last = field.split(".")
    for name in before:
        holder = holder[name]
    holder[int(last) if last.isdigit() else last] = text
    assert f"data.requested_by.{field}" in [where for where, _ in faults(orjson.dumps(data))]


@pytest.mark.parametrize("field", ["sds_user_id", "sds_role_profile_id"])
def test_ids_of_smartcards_have_digits_of_one_script(field: str) -> None:
    data = record_request()
    data["requested_by"][field] = "\u0663" * 12
    assert [where for where, _ in faults(orjson.dumps(data))] == [f"data.requested_by.{field}"]


@pytest.mark.parametrize(
    "code",
    ["*", "RZZ*", "R*", "RZZ)(x=1", "RZZ|A82", "rzz01", "A82 38", "A82038\n", "A82038\x00", "\uff21\uff18\uff12", "\u0663" * 5,
     "A8%2A", "A" * 11, "A8", ""],
)  # fmt: skip
def test_nothing_but_an_ods_code_passes_for_one(code: str) -> None:
    assert [where for where, _ in faults(orjson.dumps(record_request(practice_ods_code=code)))] == [
        "data.practice_ods_code"
    ]
    data = record_request()
    data["requested_by"]["organisation"]["ods_code"] = code
    assert [where for where, _ in faults(orjson.dumps(data))] == ["data.requested_by.organisation.ods_code"]


def test_a_thousand_faults_make_a_short_answer() -> None:
    found = faults(orjson.dumps({f"x{n}": n for n in range(1000)}))
    assert len(found) == 21
    assert found[-1] == ("body", "has 984 more faults")


def test_a_long_name_is_not_repeated() -> None:
    found = faults(orjson.dumps(record_request(**dict[str, Any]({"x" * 100_000: 1}))))
    assert found == [("data.(unknown field)", "Extra inputs are not permitted")]


@pytest.mark.parametrize("filler", [b"[", b'{"a":', b'"\\u0000', b"[],", b'{"":{}},', b"1,"])
def test_the_memory_of_a_large_body_is_bounded(filler: bytes) -> None:
    body = b'{"x":[' + (filler * MAX_BYTES)[: MAX_BYTES - 20].rstrip(b",") + b"]}"
    tracemalloc.start()
    try:
        with contextlib.suppress(RequestRejected):
            read(body).request(RecordRequest)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 256 * MAX_BYTES


def test_the_token_says_what_was_sent_even_when_it_looks_like_a_token() -> None:
    data = record_request()
    data["requested_by"]["user_id"] = base64.urlsafe_b64encode(b'{"sub":"x"}').decode() + ".."
    taken_or_rejected(orjson.dumps(data))
