"""What other systems send is read as they meant it, or refused by the field and the rule."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.hl7v2 import ASCII, LATIN_1, UTF_8, MessageFault, charset_named, read, timestamp

ADMISSION = (
    "MSH|^~\\&|PAS^1.2^ISO|RZZ01|GPCONNECT|RZZ01|20261122090000||ADT^A01^ADT_A01|42|T|2.4|||AL|NE||{charset}\r"
    "EVN|A01|20261122085959||||20261122085500\r"
    "PID|1||L-1^^^RZZ01^MR~9990000018^^^NHS&2.16.840.1.113883.2.1.4.1&ISO^NH||Sämple^Ånn\r"
    'PV1|1|I|W7^B2||||""|\r'
)


def admission(charset: str = "UNICODE UTF-8", codec: str = "utf-8") -> bytes:
    return ADMISSION.format(charset=charset).encode(codec)


def test_a_message_is_read_by_segment_field_component_and_repetition():
    message = read(admission())
    header = message.header
    assert (header.sending, header.receiving) == (("PAS", "RZZ01"), ("GPCONNECT", "RZZ01"))
    assert (header.code, header.trigger, header.structure) == ("ADT", "A01", "ADT_A01")
    assert (header.control_id, header.at, header.processing_id) == ("42", "20261122090000", "T")
    assert (header.version, header.accept, header.charset) == ("2.4", "AL", UTF_8)
    msh, pid, pv1 = message.first("MSH"), message.first("PID"), message.first("PV1")
    assert msh is not None
    assert [msh.raw(1), msh.raw(2), msh.text(3, 2)] == ["|", "^~\\&", "1.2"]
    assert pid is not None
    assert [each.text() for each in pid.repeats(3)] == ["L-1", "9990000018"]
    number = pid.repeats(3)[1]
    assert [number.text(4, 1), number.text(4, 2), number.text(4, 4), number.text(5), number.text(9)] == [
        "NHS",
        "2.16.840.1.113883.2.1.4.1",
        "",
        "NH",
        "",
    ]
    assert (pid.text(5), pid.text(5, 2), pid.text(40), pid.text(2), pid.repeats(40)) == (
        "Sämple",
        "Ånn",
        "",
        "",
        [],
    )
    # The sender deletes a value: for a reader there is none.
    assert pv1 is not None
    assert (pv1.text(7), pv1.raw(7)) == ("", '""')
    assert message.first("NK1") is None
    assert [each.name for each in message.segments] == ["MSH", "EVN", "PID", "PV1"]


@pytest.mark.parametrize("ending", ["\r", "\r\n", "\n"])
def test_segments_may_end_as_their_sender_ends_lines(ending: str):
    message = read(admission().replace(b"\r", ending.encode()))
    assert [each.name for each in message.segments] == ["MSH", "EVN", "PID", "PV1"]
    assert message.header.charset == UTF_8


def test_delimiters_are_those_that_the_message_names():
    message = read(b"MSH$*!?%#$PAS$R\rPID$$$A*B%C!D?S?E?E?F$|^~\\&")
    pid = message.first("PID")
    assert pid is not None
    assert [each.text(2, 2) for each in pid.repeats(3)] == ["C", ""]
    assert pid.repeats(3)[1].text() == "D*E?F"
    assert pid.text(4) == "|^~\\&"


@pytest.mark.parametrize(
    ("sent", "read_as"),
    [
        (r"Take 1\2 tablet", r"Take 1\2 tablet"),
        (r"\E\T\E\ ", r"\T\ "),
        (r"1\2 and \T\ ", r"1\2 and & "),
        (r"\H\loud\N\ ", "loud "),
        (r"a\.br\b\.sp2\c", "a\nb\nc"),
        (r"\X41c3a9\ ", "Aé "),
        (r"\Xc3\ ", r"\Xc3\ "),
        (r"\X4\ \XZZ\ ", r"\X4\ \XZZ\ "),
        (r"\Zsite\ \C2842\ \.in+4\ ", r"\Zsite\ \C2842\ \.in+4\ "),
        ("\\", "\\"),
    ],
)
def test_an_escape_sequence_is_undone_and_anything_else_is_kept(sent: str, read_as: str):
    obx = read(f"MSH|^~\\&||||||||||||||||UTF-8\rOBX|{sent}".encode()).segments[1]
    assert (obx.text(1), obx.raw(1)) == (read_as, sent)


@pytest.mark.parametrize(
    ("name", "charset"),
    [("UNICODE UTF-8", UTF_8), ("utf-8", UTF_8), ("8859/1", LATIN_1), ("ISO-8859-1", LATIN_1)],
)
def test_a_message_is_read_in_the_character_set_that_it_names(name: str, charset):
    pid = read(admission(name, charset.codec)).first("PID")
    assert pid is not None
    assert pid.text(5, 2) == "Ånn"


def test_a_message_that_names_none_is_in_the_one_that_is_assumed():
    body = admission("", "iso-8859-1")
    pid = read(body, assumed=LATIN_1).first("PID")
    assert pid is not None
    assert pid.text(5) == "Sämple"
    with pytest.raises(MessageFault, match=r"^MSH-18 says ASCII, and the message is in another one$"):
        read(body)


@pytest.mark.parametrize(
    ("body", "place", "rule"),
    [
        (b"", "MSH", "must be the first segment"),
        (b"PID|1", "MSH", "must be the first segment"),
        (b"FHS|^~\\&|A", "FHS", "begins a batch: send each message by itself"),
        (b"BHS|^~\\&|A\rMSH|^~\\&|", "BHS", "begins a batch: send each message by itself"),
        (b"MSH", "MSH-2", "must name four delimiters"),
        (b"MSH|", "MSH-2", "must name four delimiters"),
        (b"MSH|^~|A", "MSH-2", "must name four delimiters"),
        (b"MSH|^~\\^|A", "MSH-2", "must name delimiters that differ and are no letters or digits"),
        (b"MSHa^~\\&aA", "MSH-2", "must name delimiters that differ and are no letters or digits"),
        (b"MSH|^~\\\xa7|A", "MSH-2", "must name delimiters in ASCII"),
        (admission("8859/15"), "MSH-18", "must be UNICODE UTF-8, 8859/1 or ASCII"),
        (admission("8859/1~UNICODE UTF-8"), "MSH-18", "names several character sets: a message is in one"),
        (admission(codec="iso-8859-1"), "MSH-18", "says UNICODE UTF-8, and the message is in another one"),
        (
            b"MSH|^~\\&|\rpid|9990000018",
            "segment 2",
            "must begin with its name, three capital letters or digits",
        ),
        (b"MSH|^~\\&|\rMSH|^~\\&|", "MSH", "stands more than once: send each message by itself"),
        (b"MSH|^~\\&|\r" + b"OBX\r" * 10_000, "message", "has more than 10000 segments"),
        (b"MSH|^~\\&|\r" + b"x" * 1024 * 1024, "message", "is larger than 1048576 bytes"),
    ],
)
def test_what_is_no_message_is_refused_with_its_field_and_rule(body: bytes, place: str, rule: str):
    with pytest.raises(MessageFault) as caught:
        read(body)
    assert (caught.value.place, caught.value.rule) == (place, rule)


@given(st.binary(max_size=60), st.binary(max_size=40))
def test_whatever_comes_is_read_or_refused(head: bytes, tail: bytes):
    for body in (head, b"MSH|^~\\&|" + head + b"\rOBX|" + tail):
        try:
            message = read(body, assumed=LATIN_1)
        except MessageFault:
            continue
        assert [each.text(1) for each in message.segments]


def test_no_other_character_set_is_taken_for_one_of_these():
    assert charset_named("ASCII") is ASCII
    assert charset_named("GB 18030-2000") is None


def test_a_time_says_its_zone():
    assert timestamp(datetime(2026, 11, 22, 9, 0, 2, tzinfo=UTC)) == "20261122090002+0000"
    assert timestamp(datetime(2026, 7, 1, 9, tzinfo=timezone(timedelta(hours=1)))) == "20260701090000+0100"
