"""What is written is read back to the same text, by our reader and by two of other makes."""

import re

import hl7
import pytest
from hl7types.codecs.er7 import decode_er7_segment
from hl7types.hl7.v2_4.segments.AL1 import AL1
from hl7types.hl7.v2_4.segments.OBX import OBX
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.hl7v2 import ASCII, LATIN_1, UTF_8, FieldValue, Header, MessageFault, Segment, read, write

HEADER = Header(
    sending=("GPCONNECT", "RZZ01"),
    receiving=("EPR", "RZZ01"),
    message=("ORU", "R01", "ORU_R01"),
    control_id="7c0f3b525b0e5d0ca1f0",
    at="20261122090002+0000",
)
MOST_AWKWARD = "|^~\\&-'\u2013EFSTRX.br\r\n\x0b\x1c\x85\u2028\" 0é€漢𝄞"
texts = st.text(st.sampled_from(MOST_AWKWARD), min_size=1, max_size=20)


def broken_into_lines(text: str) -> str:
    """Line breaks of every kind come back as one kind."""
    return re.sub("\r\n|[\r\n\x85\u2028\u2029]", "\n", text)


def everywhere(text: str) -> list[Segment]:
    """A text in a field, a component, a sub-component and a repetition."""
    repetitions: list[str | tuple[str | tuple[str, ...], ...]] = [text, "x", (("a", text), text)]
    return [
        Segment("OBX", {1: "1", 2: "TX", 3: ("code", text, "L"), 5: text, 11: "F"}),
        Segment("AL1", {1: "1", 3: ("", text), 5: repetitions}),
    ]


@given(texts)
@example('""')
@example("\\E\\")
@example("Take 1\\2 tablet")
@example("a & b")
@example("\\X41\\.br\\")
def test_every_text_is_read_back_from_wherever_it_stands(text: str):
    body = write(HEADER, everywhere(text))
    message = read(body)
    (obx,), (al1,) = message.all("OBX"), message.all("AL1")
    once = broken_into_lines(text)
    assert [obx.text(3, 2), obx.text(5), obx.text(11), al1.text(3, 2)] == [once, once, "F", once]
    assert [each.text() for each in al1.repeats(5)] == [once, "x", "a"]
    assert [al1.repeats(5)[2].text(1, 2), al1.repeats(5)[2].text(2)] == [once, once]
    # Nothing of it ends a frame of MLLP, a segment or, for whoever reads line by line, a line.
    assert body.count(b"\r") == 3
    assert not re.search(rb"[\x00-\x0c\x0e-\x1f\x7f]", body)


@given(texts)
@example("Take 1\\2 tablet")
def test_a_reader_of_another_make_takes_no_character_for_a_delimiter(text: str):
    raw = write(HEADER, everywhere(text)).decode()
    parsed = hl7.parse(raw)
    obx, al1 = parsed.segment("OBX"), parsed.segment("AL1")
    assert (len(obx), str(obx(11)), len(al1(5))) == (12, "F", 3)
    # It gives `\.br\` back as a carriage return.
    assert parsed.unescape(str(obx(5))) == broken_into_lines(text).replace("\n", "\r")


@given(
    st.text(st.sampled_from("|^~\\&-'\u2013EFSTRX.br\" 0é€漢𝄞"), min_size=1, max_size=20).filter(
        lambda text: text != '""'
    )
)
@example("a \\ b \\F\\")
def test_a_third_reader_gives_the_same_text(text: str):
    _, obx, al1, _ = write(HEADER, everywhere(text)).decode().split("\r")
    observation, allergy = decode_er7_segment(obx, OBX), decode_er7_segment(al1, AL1)
    assert (observation.obx_5, observation.obx_3.ce_2, allergy.al1_3.ce_2) == ([text], text, text)  # type: ignore[attr-defined] # its classes are made at run time
    assert allergy.al1_5[0] == text  # type: ignore[attr-defined] # likewise


def test_a_message_as_it_stands_on_the_wire():
    numbers: list[str | tuple[str | tuple[str, ...], ...]] = [
        ("9990000018", "", "", ("NHS", "", ""), "NH"),
        "",
        "L1",
    ]
    body = write(
        HEADER,
        [
            Segment("EVN", {2: "20261122090002+0000", 6: ""}),
            Segment("PID", {3: numbers, 5: ("", "")}),
            Segment("AL1", {5: ["rash", "wheeze"], 1: "1", 3: ("91936005", "Penicillin", "SCT", "", "")}),
        ],
    )
    assert body == (
        b"MSH|^~\\&|GPCONNECT|RZZ01|EPR|RZZ01|20261122090002+0000||ORU^R01^ORU_R01|7c0f3b525b0e5d0ca1f0|P|2.4"
        b"||||||UNICODE UTF-8\r"
        b"EVN||20261122090002+0000\r"
        b"PID|||9990000018^^^NHS^NH~L1\r"
        b"AL1|1||91936005^Penicillin^SCT||rash~wheeze\r"
    )


def in_charset(charset, text: str) -> bytes:
    header = Header(
        HEADER.sending, HEADER.receiving, HEADER.message, "1", HEADER.at, charset=charset, processing_id="T"
    )
    return write(header, [Segment("AL1", {1: "1"}), Segment("AL1", {1: "2", 3: ("", text)})])


@pytest.mark.parametrize(
    ("charset", "text"), [(UTF_8, "5 mg \u2013 daily"), (LATIN_1, "crème"), (ASCII, "cream")]
)
def test_a_message_is_written_in_the_character_set_that_it_names(charset, text: str):
    body = in_charset(charset, text)
    assert text.encode(charset.codec) in body
    assert read(body).header.charset == charset
    assert read(body).segments[2].text(3, 2) == text


@pytest.mark.parametrize(
    ("charset", "text"), [(LATIN_1, "5 mg \u2013 daily"), (ASCII, "crème"), (UTF_8, "\ud800")]
)
def test_a_character_that_the_set_has_not_is_told_by_its_field_and_never_replaced(charset, text: str):
    with pytest.raises(MessageFault) as caught:
        in_charset(charset, text)
    assert caught.value.place == "AL1-3"
    assert caught.value.rule == f"has a character that {charset.name} has not"
    assert text not in str(caught.value)


def test_a_fault_of_the_header_is_counted_as_the_standard_counts():
    header = Header(("GPCONNÉCT", "R"), ("E", "R"), ("ACK",), "1", "2026", charset=ASCII)
    with pytest.raises(MessageFault, match=r"^MSH-3 has a character"):
        write(header, [])
    with pytest.raises(MessageFault, match=r"^MSH-10 is longer than 20 characters$"):
        write(Header(("G", "R"), ("E", "R"), ("ACK",), "1" * 21, "2026"), [], {"MSH-10": 20})


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("a" * 15, True),
        ("a" * 16, False),
        (["a" * 15, "b" * 15], True),
        (["a", "b" * 16], False),
        ("a" * 14 + "&", False),
        (("a" * 7, "b" * 7), True),
        (("a" * 7, "b" * 8), False),
    ],
)
def test_a_repetition_is_held_to_the_length_of_its_field(value: FieldValue, *, fits: bool):
    segments = [Segment("AL1", {1: "1", 5: value})]
    if fits:
        assert write(HEADER, segments, {"AL1-5": 15}) == write(HEADER, segments)
        return
    with pytest.raises(MessageFault) as caught:
        write(HEADER, segments, {"AL1-5": 15})
    assert (caught.value.place, caught.value.rule) == ("AL1-5", "is longer than 15 characters")


@pytest.mark.parametrize("name", ["MSH", "al1", "AL", "AL11", "A|1"])
def test_a_segment_has_a_name_of_three_characters(name: str):
    with pytest.raises(ValueError, match="three characters"):
        write(HEADER, [Segment(name, {1: "1"})])
