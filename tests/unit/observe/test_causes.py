"""What is at the bottom of an error, however often drivers wrapped it."""

import errno

import pytest
from aiormq.auth import AuthMechanism
from aiormq.exceptions import AuthenticationError

from bridge.observe.causes import cause_of, is_lack_of_files, tls_sentence


def wrapped(error: BaseException) -> BaseException:
    outer = OSError("All connection attempts failed")
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_a_lack_of_files_is_found_below_what_drivers_make_of_it(number):
    lack, other = OSError(number, "x"), OSError(errno.ECONNREFUSED, "x")
    assert is_lack_of_files(lack)
    assert is_lack_of_files(wrapped(lack))
    assert is_lack_of_files(wrapped(ExceptionGroup("several addresses", [other, lack])))


def test_nothing_else_is_one():
    other = OSError(errno.ECONNREFUSED, "x")
    assert not is_lack_of_files(wrapped(other))
    assert not is_lack_of_files(wrapped(ExceptionGroup("several addresses", [other, ValueError()])))


REFUSED = f"Multiple exceptions: [Errno {errno.ECONNREFUSED}] Connect call failed ('::1', 1), [Errno 111] x"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RuntimeError("ACCESS_REFUSED - Login was refused"), "login_refused"),
        (RuntimeError("NOT_ALLOWED - vhost x not found"), "virtual_host_refused"),
        (RuntimeError("nats: 'Authorization Violation'"), "login_refused"),
        (RuntimeError("nats: user authentication expired"), "login_refused"),
        (OSError(REFUSED), "connection_refused"),
        (TimeoutError(), "no_answer"),
        (ConnectionResetError(), "connection_broken"),
        (EOFError(), "connection_broken"),
        (ValueError("no connection at all"), None),
    ],
)
def test_an_error_of_a_driver_has_the_code_of_its_cause(error, code):
    found = cause_of(wrapped(error) if code not in (None, "connection_broken") else error)
    assert (found and found.code) == code


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("spine_error tls_wrong_version_number", "does not speak TLS"),
        ("tls_sslv3_alert_handshake_failure", "refuses our certificate"),
        ("tls_unsupported_protocol", "could not be agreed"),
        ("tls_certificate_refused_10", "it has expired"),
        ("tls_certificate_refused_4711", "it is not valid"),
    ],
)
def test_a_code_of_tls_says_what_it_means(text, words):
    assert words in tls_sentence(text)


def test_what_is_no_code_of_tls_says_nothing():
    assert tls_sentence("connect_timeout") == ""


def test_errors_that_lead_to_each_other_are_looked_at_once():
    first, second = ValueError("first"), ConnectionRefusedError()
    first.__context__, second.__context__ = second, first
    found = cause_of(first)
    assert found is not None
    assert found.code == "connection_refused"


def test_a_broker_that_takes_no_certificate_for_a_user_is_told():
    offered, known = "PLAIN AMQPLAIN", [mechanism.name for mechanism in AuthMechanism]
    found = cause_of(AuthenticationError(offered, known))
    assert found is not None
    assert found.code == "certificate_not_asked"
