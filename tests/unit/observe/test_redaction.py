import io
import json
import logging
import subprocess
import sys

import pytest
import structlog

from bridge.observe import about_request, configure_logging, redact

NUMBER = "9990000018"


@pytest.fixture
def lines():
    stream = io.StringIO()
    before = structlog.get_config()
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    configure_logging("debug", "json", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.configure(**before)
    root.handlers, root.level = handlers, level


@pytest.mark.duty("JO-033")
@pytest.mark.parametrize(
    "text",
    [
        NUMBER,
        "999 000 0018",
        "999-000-0018",
        f"GET /Patient/{NUMBER}?x",
        f"nhs-number|{NUMBER}",
        f"%7C{NUMBER}",
        f"request-{NUMBER}-1",
        "999%20000%200018",
        "999 000%200018",
        "9990000018".translate({ord(digit): 0xFF10 + int(digit) for digit in "0123456789"}),
    ],
)
def test_an_nhs_number_in_any_writing_is_hidden(text):
    assert text[-4:] not in redact(f"asked for {text}")


@pytest.mark.parametrize(
    "text",
    [
        "60E0B220-8136-4CA5-AE46-1D97EF59D068",
        "sha256:" + "1234567890" * 6 + "abcd",
        "200000000205",
        "2026-11-22T07:38:39.123456Z",
        "duration 1234567",
    ],
)
def test_ids_hashes_asids_and_times_stay_readable(text):
    assert redact(text) == text


def test_tokens_and_passwords_are_hidden():
    assert redact("Authorization: Bearer eyJh.eyJz.") == "Authorization: Bearer [redacted]"
    assert redact("amqp://user:hunter2@host/") == "amqp://user:[redacted]@host/"


def test_every_line_goes_through_it_exceptions_and_libraries_too(lines):
    structlog.get_logger().info("event", value=NUMBER, number=int(NUMBER), nested={"a": (NUMBER,)})
    try:
        int(f"bad {NUMBER}")
    except ValueError:
        structlog.get_logger().exception("failed")
    logging.getLogger("library").warning("saw %s", NUMBER)
    assert len(lines()) == 3
    assert NUMBER not in json.dumps(lines())
    assert "ValueError" in lines()[1]["exception"]


def test_a_line_carries_what_is_bound_for_the_message(lines):
    with about_request("r-1", correlation_id="c-1"):
        structlog.get_logger().info("one")
    structlog.get_logger().info("two")
    assert lines()[0]["correlation_id"] == "c-1"
    assert "correlation_id" not in lines()[1]


def test_an_error_on_a_terminal_tells_no_values_of_variables():
    program = (
        "import logging, rich\n"  # with which structlog would draw the error
        "from bridge.observe import configure_logging\n"
        "configure_logging('info', 'console')\n"
        "family_name = 'Mirfield'\n"
        "try:\n    raise ValueError('broken')\n"
        "except ValueError:\n    logging.getLogger('a.library').exception('failed')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "ValueError: broken" in done.stderr
    assert "Mirfield" not in done.stderr
