"""Acknowledgements: what is read of a peer's, and ours as another library reads them."""

import hl7
import pytest

from bridge.hl7v2 import MessageFault, read
from bridge.mllp.acknowledgements import acknowledged, read_acknowledgement, refused

AT = "20261129090000+0000"
MSH = "MSH|^~\\&|EPR|RZZ01|GPCONNECT|RZZ01|20261129090000||ACK^A31|A1|P|2.4\r"


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("MSA|AR|M1", ""),
        ("MSA|AR|M1|patient 999 000 0018 Testpatient is unknown", ""),
        ("MSA|AR|M1||||204^Unknown key identifier", "204 unknown key identifier"),
        ("MSA|AR|M1\rERR|PID^1^3^101&Required&HL70357", "101 required field missing at PID-3"),
        (
            "MSA|AR|M1\rERR||PID^1^3|101^Testpatient^HL70357|E|||Testpatient",
            "101 required field missing at PID-3",
        ),
        (
            "MSA|AR|M1\rERR||AL1|207^Oops\rERR|||103^Oops",
            "207 application internal error at AL1; 103 table value not found",
        ),
        ("MSA|AR|M1\rERR||9990000018^1^Testpatient|999^Testpatient|E", ""),
    ],
)
def test_of_an_error_only_code_and_field_are_told(lines, why):
    found = read_acknowledgement((MSH + lines + "\r").encode())
    assert (found.word, found.control_id, found.why) == ("AR", "M1", why)
    assert found.is_rejected
    assert not found.is_accepted


@pytest.mark.parametrize("charset", ["", "8859/15", "UNICODE UTF-8", "8859/1~UNICODE UTF-8"])
def test_the_peer_s_word_counts_whatever_its_own_text_is_written_in(charset):
    sent = f"{MSH.removesuffix(chr(13))}||||||{charset}\rMSA|AA|M1|Müller £\r"
    found = read_acknowledgement(sent.encode("iso-8859-15", errors="replace"))
    assert (found.word, found.control_id, found.is_accepted) == ("AA", "M1", True)


@pytest.mark.parametrize("body", ["MSA|OK|M1", "MSA||M1", "PID|1"])
def test_what_says_nothing_about_a_message_is_no_acknowledgement(body):
    with pytest.raises(MessageFault):
        read_acknowledgement((MSH + body + "\r").encode())


def test_ours_is_read_by_another_library():
    sent = "MSH|^~\\&|EPR|A|BRIDGE|B|20261129090000||ADT^A01|M\\T\\1|P|2.5.1||||||8859/1\r"
    answer = acknowledged(read(sent.encode()), "AR", "PID is required", at=AT, fault="PID")
    parsed = hl7.parse(answer.decode("iso-8859-1"))
    assert [str(parsed.segment("MSH")[number]) for number in (3, 4, 5, 6, 9, 12, 18)] == [
        *("BRIDGE", "B", "EPR", "A", "ACK^A01^ACK", "2.5.1", "8859/1"),
    ]
    assert str(parsed.segment("MSA")) == "MSA|AR|M\\T\\1|PID is required"
    assert str(parsed.segment("ERR")) == "ERR|PID^1"


def test_what_could_not_be_read_is_refused_by_name_of_no_message():
    answer = hl7.parse(refused(MessageFault("FHS", "begins a batch"), at=AT).decode())
    assert str(answer.segment("MSA")) == "MSA|AR||FHS begins a batch"
    assert read_acknowledgement(str(answer).encode()).is_rejected
